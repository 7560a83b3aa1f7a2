//! Keeping definitions.

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::{Change, Context};
use crate::store::StoreError;

/// A definition to keep.
pub(super) struct Define {
    pub(super) digest: String,
    pub(super) text: String,
}

impl Change for Define {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        context
            .connection
            .prepare_cached("INSERT INTO definition (digest, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![self.digest, self.text])?;
        Ok(())
    }
}

/// The text of a definition.
pub(super) fn text(connection: &Connection, digest: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT text FROM definition WHERE digest = ?1")?
        .query_row(params![digest], |row| row.get(0))
        .optional()
}
