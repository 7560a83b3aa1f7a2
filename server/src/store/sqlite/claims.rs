//! Claims: asked for, given back, forgotten.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::Context;
use crate::store::watch::Subject;
use crate::store::{Claim, Claimed, Millis, Release, RunId, StoreError, Take, Taken};

/// Notes that a run is over with claims.
pub(super) fn release(context: &mut Context<'_>, run: RunId, released: &[Release]) -> Result<(), StoreError> {
    for Release { claim, instance, done_until } in released {
        let Claim { pathway, step, key } = claim;
        let changed = match done_until {
            Some(until) => context
                .connection
                .prepare_cached(
                    r#"UPDATE claim SET expires = ?6 WHERE pathway = ?1 AND step = ?2 AND "key" = ?3
                           AND run = ?4 AND instance = ?5"#,
                )?
                .execute(params![pathway, step, key, run.0, instance, until])?,
            None => context
                .connection
                .prepare_cached(
                    r#"DELETE FROM claim WHERE pathway = ?1 AND step = ?2 AND "key" = ?3
                           AND run = ?4 AND instance = ?5"#,
                )?
                .execute(params![pathway, step, key, run.0, instance])?,
        };
        if changed > 0 {
            context.changed.push(Subject::Claim(claim.clone()));
        }
    }
    Ok(())
}

/// Gives a run the claims that it asks for, if it can have them. One answer each, in order.
pub(super) fn take(connection: &Connection, run: RunId, taken: &[Take]) -> Result<Vec<Taken>, StoreError> {
    taken.iter().map(|take| take_one(connection, run, take)).collect()
}

fn take_one(connection: &Connection, run: RunId, take: &Take) -> Result<Taken, StoreError> {
    let Take { claim: Claim { pathway, step, key }, instance, at } = take;
    let changed = connection
        .prepare_cached(
            r#"INSERT INTO claim (pathway, step, "key", run, instance) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET run = excluded.run, instance = excluded.instance, expires = NULL
                   WHERE expires <= ?6 OR (run = excluded.run AND instance = excluded.instance)"#,
        )?
        .execute(params![pathway, step, key, run.0, instance, at])?;
    if changed > 0 {
        return Ok(Taken::Granted);
    }
    Ok(match find(connection, &take.claim)? {
        Some(Claimed { run, done_until: Some(_), .. }) => Taken::Done { run },
        _ => Taken::Held,
    })
}

/// A run has no claims any more but those that are done.
pub(super) fn release_all(context: &mut Context<'_>, run: RunId) -> Result<(), StoreError> {
    let mut delete = context.connection.prepare_cached(
        r#"DELETE FROM claim WHERE run = ?1 AND expires IS NULL RETURNING pathway, step, "key""#,
    )?;
    let claim = |row: &Row<'_>| Ok(Claim { pathway: row.get(0)?, step: row.get(1)?, key: row.get(2)? });
    for claim in delete.query_map(params![run.0], claim)? {
        context.changed.push(Subject::Claim(claim?));
    }
    Ok(())
}

/// Who has a claim, or has done it.
pub(super) fn find(connection: &Connection, claim: &Claim) -> rusqlite::Result<Option<Claimed>> {
    connection
        .prepare_cached(
            r#"SELECT (SELECT public_id FROM run WHERE id = claim.run), instance, expires FROM claim
               WHERE pathway = ?1 AND step = ?2 AND "key" = ?3"#,
        )?
        .query_row(params![claim.pathway, claim.step, claim.key], |row| {
            Ok(Claimed { run: row.get(0)?, instance: row.get(1)?, done_until: row.get(2)? })
        })
        .optional()
}

/// Forgets claims that are done and were to be kept until `before`; at most `limit`.
pub(super) fn prune(connection: &Connection, before: Millis, limit: u32) -> rusqlite::Result<u64> {
    let pruned = connection
        .prepare_cached(
            r#"DELETE FROM claim WHERE (pathway, step, "key") IN
                   (SELECT pathway, step, "key" FROM claim WHERE expires < ?1 ORDER BY expires LIMIT ?2)"#,
        )?
        .execute(params![before, limit])?;
    Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
}
