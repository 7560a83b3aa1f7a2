//! Appending to a run: events, and what follows from them.

use rusqlite::{Connection, ErrorCode, params};

use super::admit::{Insertion, Origin};
use super::blob::{self, Stored};
use super::heads::Head;
use super::writer::{Change, Context};
use super::{claims, inbox, publish, source};
use crate::store::watch::{News, Notice, Subject};
use crate::store::{
    Append, Appended, Conflict, NewEvent, RunId, Status, StatusChange, StoreError, StreamRow,
};

impl Change for Append {
    type Output = Appended;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Self::Output, StoreError> {
        source::expect_owner(context.connection, self.proof.as_deref())?;
        let mut head = take_next(context, self.run, self.expected_seq)?;
        let (status, source) = (head.status, head.source);
        insert_events(context.connection, self.run, self.expected_seq, &self.events)?;
        if self.compacts {
            compact(context.connection, self.run)?;
        }
        insert_stream(context.connection, self.run, &self.stream)?;
        claims::release(context, self.run, &self.released)?;
        let taken = claims::take(context.connection, self.run, &self.taken)?;
        if let Some(change) = &self.status {
            update_status(context.connection, self.run, status, change)?;
            if change.status != Status::Ready {
                claims::release_all(context, self.run)?;
            }
        }
        if let Some(digest) = &self.definition {
            pin(context.connection, self.run, digest)?;
        }
        inbox::delete(context.connection, &self.received)?;
        if self.status.is_some() || !self.stream.is_empty() {
            let news = match &self.status {
                Some(change) => News::of(change.status, change.outcome.as_deref()),
                None if status == Status::Ready => News::GoesOn,
                None => News::Something,
            };
            context.changed.push(Notice::new(Subject::Run(head.public_id.clone()), news));
        }
        head.next += u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        head.status = self.status.as_ref().map_or(status, |change| change.status);
        context.heads.keep(self.run, head);
        let offsets = publish::send(context, &self.records, source)?;
        let parent = Origin::Parent(self.run, source);
        let mut children = Vec::with_capacity(self.children.len());
        if !self.children.is_empty() {
            let mut insertion = Insertion::new(context.connection)?;
            for run in &self.children {
                children.push(insertion.insert(context, run, parent)?);
            }
        }
        Ok(Appended { offsets, children, taken })
    }
}

/// Rows of a run's stream.
pub(super) struct AppendStream {
    pub(super) run: RunId,
    pub(super) rows: Vec<StreamRow>,
}

impl Change for AppendStream {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        let head = context.heads.take_unfinished(context.connection, self.run)?;
        insert_stream(context.connection, self.run, &self.rows)?;
        context.changed.push(Subject::Run(head.public_id.clone()).into());
        context.heads.keep(self.run, head);
        Ok(())
    }
}

fn take_next(context: &mut Context<'_>, run: RunId, expected: u32) -> Result<Head, StoreError> {
    let head = context.heads.take_unfinished(context.connection, run)?;
    match head.next {
        next if next == expected => Ok(head),
        found => Err(Conflict::Seq { run, expected, found }.into()),
    }
}

fn insert_events(
    connection: &Connection,
    run: RunId,
    first: u32,
    events: &[NewEvent],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO event (run, seq, kind, payload, payload_blob) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (seq, event) in (first..).zip(events) {
        let payload = Stored::put(connection, &event.payload)?;
        insert.execute(params![run.0, seq, event.kind, payload.inline(), payload.blob()])?;
    }
    Ok(())
}

/// Deletes all events that the last one stands for.
fn compact(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    const BEFORE: &str = "run = ?1 AND seq < (SELECT max(seq) FROM event WHERE run = ?1)";
    let blobs = connection
        .prepare_cached(&format!(
            "SELECT payload_blob FROM event WHERE {BEFORE} AND payload_blob IS NOT NULL"
        ))?
        .query_map(params![run.0], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    connection.prepare_cached(&format!("DELETE FROM event WHERE {BEFORE}"))?.execute(params![run.0])?;
    blob::release(connection, blobs)
}

pub(super) fn insert_stream(
    connection: &Connection,
    run: RunId,
    rows: &[StreamRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO stream (run, attempt, seq, value, value_blob) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for &StreamRow { attempt, seq, ref value } in rows {
        let value = Stored::put(connection, value)?;
        match insert.execute(params![run.0, attempt, seq, value.inline(), value.blob()]) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(Conflict::StreamRow { run, attempt, seq }.into());
            }
            inserted => inserted?,
        };
    }
    Ok(())
}

fn update_status(
    connection: &Connection,
    run: RunId,
    before: Status,
    change: &StatusChange,
) -> rusqlite::Result<()> {
    // Only a parked run has an outcome that is replaced.
    let replaced = match before {
        Status::Parked => outcome_blob(connection, run)?,
        _ => None,
    };
    let outcome = Stored::put_option(connection, change.outcome.as_deref())?;
    connection
        .prepare_cached(
            "UPDATE run SET status = ?2, wake_at = ?3, finished_at = ?4, outcome = ?5, outcome_blob = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            run.0,
            change.status.name(),
            change.wake_at,
            change.status.is_final().then_some(change.at),
            outcome.inline(),
            outcome.blob(),
        ])?;
    blob::release(connection, replaced)
}

fn pin(connection: &Connection, run: RunId, digest: &str) -> Result<(), StoreError> {
    let pinned = connection
        .prepare_cached(
            "UPDATE run SET definition = (SELECT id FROM definition WHERE digest = ?2)
             WHERE id = ?1 AND EXISTS (SELECT 1 FROM definition WHERE digest = ?2)",
        )?
        .execute(params![run.0, digest])?;
    if pinned == 0 {
        return Err(Conflict::UnknownDefinition(digest.to_owned()).into());
    }
    Ok(())
}

fn outcome_blob(connection: &Connection, run: RunId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT outcome_blob FROM run WHERE id = ?1")?
        .query_row(params![run.0], |row| row.get(0))
}
