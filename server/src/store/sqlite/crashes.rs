//! What is to be known after a crash: that there was one, and which runs were under way.

use rusqlite::params;

use super::source;
use super::writer::{Change, Context};
use crate::store::{Proof, RunId, StoreError};

/// Whether a process is at work from now on.
pub(super) struct SetAtWork {
    pub(super) proof: Proof,
    pub(super) at_work: bool,
}

impl Change for SetAtWork {
    type Output = bool;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<bool, StoreError> {
        let proof = self.proof.as_deref();
        let home = proof.map(|tenure| &tenure.home);
        let place =
            params![home.map_or("", |home| home.topic.as_str()), home.map_or(0, |home| home.partition)];
        match source::expect_owner(context.connection, proof) {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        let change = match self.at_work {
            true => r#"INSERT INTO at_work (topic, "partition") VALUES (?1, ?2) ON CONFLICT DO NOTHING"#,
            false => r#"DELETE FROM at_work WHERE topic = ?1 AND "partition" = ?2"#,
        };
        let changed = context.connection.prepare_cached(change)?.execute(place)? > 0;
        Ok(changed != self.at_work)
    }
}

/// Runs that are taken up after a crash.
pub(super) struct TakeUp(pub(super) Vec<RunId>);

impl Change for TakeUp {
    type Output = Vec<(RunId, u32)>;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Self::Output, StoreError> {
        let counted = context
            .connection
            .prepare_cached(
                "INSERT INTO taken_up (run, times, seq)
                 SELECT id, 1, (SELECT ifnull(max(seq) + 1, 1) FROM event WHERE event.run = id)
                     FROM run WHERE id IN (SELECT value FROM json_each(?1))
                 ON CONFLICT (run) DO UPDATE SET
                     times = CASE WHEN seq = excluded.seq THEN times + 1 ELSE 1 END, seq = excluded.seq
                 RETURNING run, times",
            )?
            .query_map(params![listed(&self.0)], |row| Ok((RunId(row.get(0)?), row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(counted)
    }
}

/// Runs that were taken up, which does not count.
pub(super) struct PutDown(pub(super) Vec<RunId>);

impl Change for PutDown {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        context
            .connection
            .prepare_cached(
                "UPDATE taken_up SET times = times - 1 WHERE run IN (SELECT value FROM json_each(?1))",
            )?
            .execute(params![listed(&self.0)])?;
        Ok(())
    }
}

/// As a list in JSON.
fn listed(runs: &[RunId]) -> String {
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    format!("[{}]", runs.join(","))
}
