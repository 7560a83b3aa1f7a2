//! Forgetting what is finished and old, a little at a time, so that other changes go on.
//!
//! The newest run and the newest record of each topic stay: their numbers say which come next.

use rusqlite::{Connection, params};

use super::writer::{Change, Context};
use super::{blob, claims};
use crate::store::{Cutoffs, Prune, Pruned, StoreError};

/// Runs, claims, and records per topic, in one transaction.
const STEP: u32 = 500;

impl Change for Prune {
    type Output = Pruned;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Pruned, StoreError> {
        let mut blobs = Vec::new();
        let runs = prune_runs(context.connection, &self.runs_before, &mut blobs)?;
        let records = prune_records(context.connection, self.records_before, &mut blobs)?;
        blob::release(context.connection, blobs)?;
        let claims = claims::prune(context.connection, self.claims_before, STEP)?;
        Ok(Pruned { runs, records, claims })
    }
}

/// Runs that are to be forgotten, of one pathway after another: those that there are, which need not be
/// served any more. Who has called one and is not over may not have heard yet how it ended, and of one for
/// which there is a message something is asked.
fn old_runs(connection: &Connection, before: &Cutoffs) -> rusqlite::Result<Vec<i64>> {
    let mut next = connection
        .prepare_cached("SELECT min(pathway) FROM run WHERE finished_at IS NOT NULL AND pathway > ?1")?;
    let mut old = connection.prepare_cached(
        "SELECT id FROM run WHERE pathway = ?1 AND status = ?2 AND finished_at < ?3
             AND id < (SELECT max(id) FROM run)
             AND NOT EXISTS (SELECT 1 FROM run AS caller WHERE caller.id = run.parent AND caller.finished_at IS NULL)
             AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.run = run.id)
             ORDER BY finished_at LIMIT ?4",
    )?;
    let (mut runs, mut last) = (Vec::new(), String::new());
    while let Some(pathway) = next.query_row(params![last], |row| row.get::<_, Option<String>>(0))? {
        for (status, before) in before.of(&pathway).each() {
            let room = STEP.saturating_sub(u32::try_from(runs.len()).unwrap_or(STEP));
            for run in old.query_map(params![pathway, status.name(), before, room], |row| row.get(0))? {
                runs.push(run?);
            }
        }
        last = pathway;
    }
    Ok(runs)
}

fn prune_runs(connection: &Connection, before: &Cutoffs, blobs: &mut Vec<i64>) -> rusqlite::Result<u64> {
    let runs = old_runs(connection, before)?;
    let mut held = connection.prepare_cached(
        "SELECT started_blob FROM run WHERE id = ?1 AND started_blob IS NOT NULL
         UNION ALL SELECT outcome_blob FROM run WHERE id = ?1 AND outcome_blob IS NOT NULL
         UNION ALL SELECT payload_blob FROM event WHERE run = ?1 AND payload_blob IS NOT NULL
         UNION ALL SELECT value_blob FROM stream WHERE run = ?1 AND value_blob IS NOT NULL",
    )?;
    let mut deletes = [
        connection.prepare_cached("DELETE FROM event WHERE run = ?1")?,
        connection.prepare_cached("DELETE FROM stream WHERE run = ?1")?,
        connection.prepare_cached("DELETE FROM taken_up WHERE run = ?1")?,
        connection.prepare_cached("DELETE FROM run WHERE id = ?1")?,
    ];
    let mut pruned = 0;
    for run in runs {
        for blob in held.query_map(params![run], |row| row.get(0))? {
            blobs.push(blob?);
        }
        for delete in &mut deletes {
            delete.execute(params![run])?;
        }
        pruned += 1;
    }
    Ok(pruned)
}

fn prune_records(connection: &Connection, before: i64, blobs: &mut Vec<i64>) -> rusqlite::Result<u64> {
    let sources: Vec<(i64, Option<i64>)> = connection
        .prepare_cached(
            r#"SELECT id, min(ifnull(next_offset, newest), newest) FROM
               (SELECT id, next_offset, (SELECT max("offset") FROM record WHERE source = source.id) AS newest
                FROM source)"#,
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut oldest = connection.prepare_cached(
        r#"SELECT "offset", time, value_blob FROM record WHERE source = ?1 AND "offset" < ?2
           ORDER BY "offset" LIMIT ?3"#,
    )?;
    let mut delete =
        connection.prepare_cached(r#"DELETE FROM record WHERE source = ?1 AND "offset" <= ?2"#)?;
    let mut pruned = 0;
    for (source, end) in sources {
        let mut last = None;
        let mut rows = oldest.query(params![source, end, STEP])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(1)? >= before {
                break;
            }
            last = Some(row.get::<_, i64>(0)?);
            blobs.extend(row.get::<_, Option<i64>>(2)?);
        }
        drop(rows);
        if let Some(last) = last {
            pruned += u64::try_from(delete.execute(params![source, last])?).unwrap_or(u64::MAX);
        }
    }
    Ok(pruned)
}
