//! The schema and its history.
//!
//! Migration `n` leads from schema version `n - 1` to `n`. Published ones never change. A store
//! that a newer version wrote is refused: an older one would not keep its rules.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::store::StoreError;

const MIGRATIONS: [&str; 10] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
    include_str!("migrations/0010.sql"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{records, runs};
    use crate::store::{Event, RunId};

    /// A store as that version left it, with a run and a record.
    fn of_version(version: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT")
            .unwrap();
        MIGRATIONS.iter().take(version).for_each(|migration| connection.execute_batch(migration).unwrap());
        connection
            .execute("INSERT INTO meta VALUES ('schema_version', ?1)", params![version as i64])
            .unwrap();
        connection
            .execute_batch(
                "INSERT INTO source (id, topic, \"partition\") VALUES (3, 't', 0);
                 INSERT INTO record (source, \"offset\", time, value) VALUES (3, 8, 0, CAST('value' AS BLOB));
                 INSERT INTO blob (id, hash, bytes) VALUES (5, 'hash', CAST('large' AS BLOB));
                 INSERT INTO run (id, status, created_at, public_id, pathway, definition, started)
                     VALUES (7, 'ready', 0, 'r', 'p', 1, CAST('started' AS BLOB)),
                            (9, 'ready', 0, 's', 'p', 1, CAST('started' AS BLOB));
                 INSERT INTO event (run, seq, kind, payload, payload_blob)
                     VALUES (7, 2, 'performed', NULL, 5), (9, 1, 'fired', CAST('other' AS BLOB), NULL),
                            (7, 1, 'signalled', CAST('first' AS BLOB), NULL);",
            )
            .unwrap();
        connection
    }

    #[test]
    fn a_store_of_each_earlier_version_opens_with_what_is_in_it() {
        for version in 1..=MIGRATIONS.len() {
            let mut connection = of_version(version);
            migrate(&mut connection, Path::new("store")).unwrap();
            let journal = runs::events(&connection, RunId(7)).unwrap();
            let event =
                |seq, kind: &str, payload: &[u8]| Event { seq, kind: kind.into(), payload: payload.into() };
            let expected = [
                event(0, "started", b"started"),
                event(1, "signalled", b"first"),
                event(2, "performed", b"large"),
            ];
            assert_eq!(journal, expected, "{version}");
            assert_eq!(runs::events(&connection, RunId(9)).unwrap().len(), 2, "{version}");
            let records = records::from(&connection, ("t", 0), 0, 10, 100).unwrap();
            assert_eq!(records.len(), 1, "{version}");
        }
    }
}
