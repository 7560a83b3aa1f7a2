//! Partitions of topics and their next offsets.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{Conflict, Epoch, Offset, StoreError, Tenure};

/// The partition's number, if it is known.
pub(super) fn find(connection: &Connection, topic: &str, partition: i32) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(r#"SELECT id FROM source WHERE topic = ?1 AND "partition" = ?2"#)?
        .query_row(params![topic, partition], |row| row.get(0))
        .optional()
}

/// The partition's number; it is known from now on.
pub(super) fn id(connection: &Connection, topic: &str, partition: i32) -> rusqlite::Result<i64> {
    if let Some(id) = find(connection, topic, partition)? {
        return Ok(id);
    }
    connection
        .prepare_cached(r#"INSERT INTO source (topic, "partition") VALUES (?1, ?2)"#)?
        .execute(params![topic, partition])?;
    Ok(connection.last_insert_rowid())
}

/// The next offset to admit.
pub(super) fn next_offset(connection: &Connection, source: i64) -> rusqlite::Result<Option<Offset>> {
    connection
        .prepare_cached("SELECT next_offset FROM source WHERE id = ?1")?
        .query_row(params![source], |row| row.get(0))
}

/// Sets the next offset to admit.
pub(super) fn move_to(connection: &Connection, source: i64, next: Offset) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE source SET next_offset = ?2 WHERE id = ?1")?
        .execute(params![source, next])?;
    Ok(())
}

/// Raises the epoch.
pub(super) fn take_over(connection: &Connection, source: i64) -> rusqlite::Result<Epoch> {
    connection
        .prepare_cached("UPDATE source SET epoch = epoch + 1 WHERE id = ?1 RETURNING epoch")?
        .query_row(params![source], |row| row.get(0))
}

/// Whether a change is made by the owner of what it changes.
pub(super) fn expect_owner(connection: &Connection, proof: Option<&Tenure>) -> Result<(), StoreError> {
    let Some(Tenure { home, epoch }) = proof else { return Ok(()) };
    let found: Option<Epoch> = connection
        .prepare_cached(r#"SELECT epoch FROM source WHERE topic = ?1 AND "partition" = ?2"#)?
        .query_row(params![home.topic, home.partition], |row| row.get(0))
        .optional()?;
    match found.unwrap_or(0) {
        found if found == *epoch => Ok(()),
        found => Err(Conflict::Fenced { home: home.clone(), epoch: *epoch, found }.into()),
    }
}

/// The offset of the next record to publish. The newest record is never pruned, so it tells.
pub(super) fn end_offset(connection: &Connection, source: i64) -> rusqlite::Result<Offset> {
    connection
        .prepare_cached(r#"SELECT ifnull(max("offset") + 1, 0) FROM record WHERE source = ?1"#)?
        .query_row(params![source], |row| row.get(0))
}
