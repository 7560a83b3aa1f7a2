//! Records that are on their way to a bus outside of this store.

use rusqlite::{Connection, Rows, params};

use super::blob::{self, Stored};
use super::headers;
use super::writer::{Change, Context};
use crate::store::watch::Subject;
use crate::store::{Home, NewRecord, Outgoing, Settle, StoreError};

/// Adds records to those that are to be sent.
pub(super) fn insert(
    context: &mut Context<'_>,
    records: &[NewRecord],
    source: Option<i64>,
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let mut insert = context.connection.prepare_cached(
        r#"INSERT INTO outbox (topic, "key", headers, value, value_blob, time, source)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"#,
    )?;
    for record in records {
        let value = Stored::put_option(context.connection, record.value.as_deref())?;
        insert.execute(params![
            record.topic,
            record.key,
            crate::store::headers::encode(&record.headers),
            value.inline(),
            value.blob(),
            record.time,
            source,
        ])?;
    }
    context.changed.push(Subject::Outbox.into());
    Ok(())
}

impl Change for Settle {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        let connection = context.connection;
        let mut held = connection.prepare_cached(
            "SELECT value_blob FROM outbox
             WHERE id BETWEEN ?1 AND ?2 AND refused IS NULL AND value_blob IS NOT NULL",
        )?;
        let mut delete =
            connection.prepare_cached("DELETE FROM outbox WHERE id BETWEEN ?1 AND ?2 AND refused IS NULL")?;
        for (first, last) in &self.sent {
            let blobs: Vec<i64> =
                held.query_map(params![first, last], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            delete.execute(params![first, last])?;
            blob::release(connection, blobs)?;
        }
        let mut refuse = connection.prepare_cached("UPDATE outbox SET refused = ?2 WHERE id = ?1")?;
        for (id, reason) in &self.refused {
            refuse.execute(params![id, reason])?;
        }
        Ok(())
    }
}

macro_rules! select_outgoing {
    ($from:literal) => {
        concat!(
            r#"SELECT outbox.id, outbox.topic, outbox."key", headers,
                      ifnull(outbox.value, (SELECT bytes FROM blob WHERE blob.id = value_blob)), time, refused
               FROM "#,
            $from,
            " WHERE outbox.id > ?1 ORDER BY outbox.id LIMIT ?2"
        )
    };
}

pub(super) fn after(
    connection: &Connection,
    after: i64,
    limit: u32,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Outgoing>> {
    let mut statement = connection.prepare_cached(select_outgoing!("outbox"))?;
    page(statement.query(params![after, limit])?, max_bytes)
}

/// Of what runs of these partitions sent.
pub(super) fn of(
    connection: &Connection,
    homes: &[Home],
    after: i64,
    limit: u32,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Outgoing>> {
    let homes = serde_json::Value::from_iter(
        homes.iter().map(|home| serde_json::json!([home.topic, home.partition])),
    );
    let mut statement = connection.prepare_cached(select_outgoing!(
        r#"json_each(?3) AS home
           JOIN source ON source.topic = home.value ->> 0 AND source."partition" = home.value ->> 1
           JOIN outbox ON outbox.source = source.id"#
    ))?;
    page(statement.query(params![after, limit, homes.to_string()])?, max_bytes)
}

/// As many as may be, but at least one if there is one.
fn page(mut rows: Rows<'_>, max_bytes: usize) -> rusqlite::Result<Vec<Outgoing>> {
    let (mut outgoing, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let value: Option<Vec<u8>> = row.get(4)?;
        bytes += value.as_ref().map_or(0, Vec::len);
        if bytes > max_bytes && !outgoing.is_empty() {
            break;
        }
        outgoing.push(Outgoing {
            id: row.get(0)?,
            record: NewRecord {
                topic: row.get(1)?,
                key: row.get(2)?,
                value: value.map(Into::into),
                headers: headers::read(row, 3)?,
                time: row.get(5)?,
            },
            refused: row.get(6)?,
        });
    }
    Ok(outgoing)
}
