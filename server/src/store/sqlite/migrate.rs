//! The schema and its history.
//!
//! Migration `n` leads from schema version `n - 1` to `n`. Published ones never change. A store
//! that a newer version wrote is refused: an older one would not keep its rules.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::store::StoreError;

const MIGRATIONS: [&str; 9] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
];

/// Brings the schema up to date.
pub(super) fn migrate(connection: &mut Connection, place: &Path) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = upgrade(connection, known).map_err(|source| StoreError::Open {
        place: place.display().to_string(),
        source: Arc::new(source),
    })?;
    if found > known {
        return Err(StoreError::Newer { place: place.display().to_string(), found, known });
    }
    Ok(())
}

/// The version that was found.
fn upgrade(connection: &mut Connection, known: i64) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT", [])?;
    let found = transaction
        .query_row("SELECT value FROM meta WHERE name = 'schema_version'", [], |row| row.get::<_, i64>(0))
        .optional()?
        .unwrap_or(0);
    if found >= known {
        return Ok(found);
    }
    for (version, migration) in (1..).zip(MIGRATIONS) {
        if version > found {
            transaction.execute_batch(migration)?;
        }
    }
    transaction.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?1)", params![known])?;
    transaction.commit()?;
    Ok(found)
}

/// By which others know this store from another.
pub(super) fn store_id(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT value FROM meta WHERE name = 'store_id'", [], |row| row.get(0))
}
