//! Where schedules stand.

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::{Change, Context};
use crate::store::{StoreError, Tick};

/// A tick that is done with.
pub(super) struct SetLastTick {
    pub(super) pathway: String,
    pub(super) name: String,
    pub(super) tick: Tick,
}

impl Change for SetLastTick {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        context
            .connection
            .prepare_cached(
                "INSERT INTO schedule (pathway, name, last, run) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET last = excluded.last, run = excluded.run",
            )?
            .execute(params![self.pathway, self.name, self.tick.at, self.tick.run])?;
        Ok(())
    }
}

/// The last tick that is done with.
pub(super) fn last_tick(
    connection: &Connection,
    pathway: &str,
    name: &str,
) -> rusqlite::Result<Option<Tick>> {
    connection
        .prepare_cached("SELECT last, run FROM schedule WHERE pathway = ?1 AND name = ?2")?
        .query_row(params![pathway, name], |row| Ok(Tick { at: row.get(0)?, run: row.get(1)? }))
        .optional()
}
