//! Reading records.

use rusqlite::{Connection, Row, params};

use super::{headers, source};
use crate::store::{Offset, Record};

pub(super) fn from(
    connection: &Connection,
    (topic, partition): (&str, i32),
    from: Offset,
    limit: u32,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Record>> {
    let Some(source) = source::find(connection, topic, partition)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        r#"SELECT "offset", time, "key", headers,
                  ifnull(value, (SELECT bytes FROM blob WHERE id = value_blob))
           FROM record WHERE source = ?1 AND "offset" >= ?2 ORDER BY "offset" LIMIT ?3"#,
    )?;
    let mut rows = statement.query(params![source, from, limit])?;
    let mut records = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let record = record(row)?;
        bytes += record.size();
        if bytes > max_bytes && !records.is_empty() {
            break;
        }
        records.push(record);
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        offset: row.get(0)?,
        time: row.get(1)?,
        key: row.get(2)?,
        headers: headers::read(row, 3)?,
        value: row.get::<_, Option<Vec<u8>>>(4)?.map(Into::into),
    })
}

pub(super) fn end_offset(connection: &Connection, topic: &str, partition: i32) -> rusqlite::Result<Offset> {
    source::find(connection, topic, partition)?.map_or(Ok(0), |source| source::end_offset(connection, source))
}

pub(super) fn next_offset(
    connection: &Connection,
    topic: &str,
    partition: i32,
) -> rusqlite::Result<Option<Offset>> {
    source::find(connection, topic, partition)?
        .map_or(Ok(None), |source| source::next_offset(connection, source))
}
