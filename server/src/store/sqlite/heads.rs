//! What the writer knows of the runs that are under way, since nobody else writes: it need not ask for each
//! change of one.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{Conflict, RunId, Status, StoreError};

/// Runs that are known at once; more are forgotten, all of them.
const KNOWN: usize = 4096;

/// What a change of a run has to know of it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) public_id: String,
    pub(super) status: Status,
    pub(super) source: Option<i64>,
    /// The sequence number that comes next.
    pub(super) next: u32,
}

/// The heads of runs, as they are within the transaction.
#[derive(Debug, Default)]
pub(super) struct Heads(HashMap<RunId, Head>);

impl Heads {
    /// Takes that of a run, whatever has become of it.
    pub(super) fn take(&mut self, connection: &Connection, run: RunId) -> Result<Head, StoreError> {
        match self.0.remove(&run) {
            Some(head) => Ok(head),
            None => read(connection, run),
        }
    }

    /// Takes that of a run to which more may be appended.
    pub(super) fn take_unfinished(
        &mut self,
        connection: &Connection,
        run: RunId,
    ) -> Result<Head, StoreError> {
        let head = self.take(connection, run)?;
        if head.status.is_final() { Err(Conflict::Finished(run).into()) } else { Ok(head) }
    }

    /// The run goes on from there.
    pub(super) fn keep(&mut self, run: RunId, head: Head) {
        // Of another the next change is far, or none comes.
        if head.status != Status::Ready {
            return;
        }
        if self.0.len() >= KNOWN {
            self.0.clear();
        }
        self.0.insert(run, head);
    }

    /// Something was not written after all.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

fn read(connection: &Connection, run: RunId) -> Result<Head, StoreError> {
    let (public_id, status, source, next) = connection
        .prepare_cached(
            "SELECT public_id, status, source, (SELECT ifnull(max(seq) + 1, 1) FROM event WHERE run = ?1)
             FROM run WHERE id = ?1",
        )?
        .query_row(params![run.0], |row| {
            Ok((row.get(0)?, Status::from_name(row.get_ref(1)?.as_str()?), row.get(2)?, row.get(3)?))
        })
        .optional()?
        .ok_or(Conflict::UnknownRun(run))?;
    let status =
        status.ok_or_else(|| StoreError::Stopped(format!("run {run} has no known status").into()))?;
    Ok(Head { public_id, status, source, next })
}
