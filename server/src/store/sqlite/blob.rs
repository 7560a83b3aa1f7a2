//! Large payloads, kept once by their hash.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

/// Payloads up to this size stay in their row.
const INLINE_MAX: usize = 32 * 1024;

/// A payload as a row holds it.
pub(super) enum Stored<'a> {
    Nothing,
    Inline(&'a [u8]),
    Blob(i64),
}

impl<'a> Stored<'a> {
    /// Puts a payload where it belongs.
    pub(super) fn put(connection: &Connection, payload: &'a [u8]) -> rusqlite::Result<Self> {
        if payload.len() <= INLINE_MAX {
            return Ok(Self::Inline(payload));
        }
        let hash = Sha256::digest(payload);
        let known = connection
            .prepare_cached("SELECT id FROM blob WHERE hash = ?1")?
            .query_row(params![hash.as_slice()], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(Self::Blob(id));
        }
        connection
            .prepare_cached("INSERT INTO blob (hash, bytes) VALUES (?1, ?2)")?
            .execute(params![hash.as_slice(), payload])?;
        Ok(Self::Blob(connection.last_insert_rowid()))
    }

    /// The same for a payload that may be missing.
    pub(super) fn put_option(connection: &Connection, payload: Option<&'a [u8]>) -> rusqlite::Result<Self> {
        payload.map_or(Ok(Self::Nothing), |payload| Self::put(connection, payload))
    }

    /// For the payload's own column.
    pub(super) const fn inline(&self) -> Option<&'a [u8]> {
        match self {
            Self::Inline(payload) => Some(payload),
            Self::Nothing | Self::Blob(_) => None,
        }
    }

    /// For the column beside it.
    pub(super) const fn blob(&self) -> Option<i64> {
        match self {
            Self::Blob(id) => Some(*id),
            Self::Nothing | Self::Inline(_) => None,
        }
    }
}

/// Deletes those of `blobs` that no row holds any more.
pub(super) fn release(connection: &Connection, blobs: impl IntoIterator<Item = i64>) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM blob WHERE id = ?1
            AND NOT EXISTS (SELECT 1 FROM run WHERE started_blob = ?1)
            AND NOT EXISTS (SELECT 1 FROM run WHERE outcome_blob = ?1)
            AND NOT EXISTS (SELECT 1 FROM event WHERE payload_blob = ?1)
            AND NOT EXISTS (SELECT 1 FROM stream WHERE value_blob = ?1)
            AND NOT EXISTS (SELECT 1 FROM record WHERE value_blob = ?1)
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE value_blob = ?1)",
    )?;
    for blob in blobs {
        delete.execute(params![blob])?;
    }
    Ok(())
}
