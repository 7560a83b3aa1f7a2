//! Reading records, and where topics stand.

use tokio_postgres::{Error, Row};

use super::decode;
use super::pool::{Select, all, given, one};
use crate::store::{Home, NewRecord, Offset, Outgoing, Record};

/// What a read is bounded by, as the database counts.
pub(super) fn bytes(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

pub(super) fn from(
    topic: &str,
    partition: i32,
    from: Offset,
    limit: u32,
    max_bytes: usize,
) -> Select<Vec<Record>> {
    // Sizes are summed up before any value is read.
    let sql = r#"
        SELECT "offset", time, "key", headers, coalesce(value, (SELECT bytes FROM blob WHERE hash = value_blob))
        FROM (SELECT *, row_number() OVER place AS n, sum(size) OVER place AS total
              FROM (SELECT *, coalesce(octet_length("key"), 0) + coalesce(octet_length(headers), 0)
                        + coalesce(octet_length(value),
                                   (SELECT octet_length(bytes) FROM blob WHERE hash = value_blob), 0) AS size
                    FROM record WHERE "offset" >= $3
                        AND source = (SELECT id FROM source WHERE topic = $1 AND "partition" = $2)
                    ORDER BY "offset" LIMIT $4) AS sized
              WINDOW place AS (ORDER BY "offset")) AS summed
        WHERE total <= $5::bigint OR n = 1 ORDER BY "offset""#;
    let given = given![topic.to_owned(), partition, from, i64::from(limit), bytes(max_bytes)];
    Select { sql, given, read: |rows| all(rows, record) }
}

fn record(row: &Row) -> Result<Record, Error> {
    Ok(Record {
        offset: row.try_get(0)?,
        time: row.try_get(1)?,
        key: row.try_get(2)?,
        headers: decode::headers(row, 3)?,
        value: row.try_get::<_, Option<Vec<u8>>>(4)?.map(Into::into),
    })
}

pub(super) fn end_offset(topic: &str, partition: i32) -> Select<Offset> {
    let sql = r#"SELECT coalesce(max("offset") + 1, 0) FROM record
                 WHERE source = (SELECT id FROM source WHERE topic = $1 AND "partition" = $2)"#;
    let read = |rows: &[Row]| Ok(one(rows, |row| row.try_get(0))?.unwrap_or(0));
    Select { sql, given: given![topic.to_owned(), partition], read }
}

pub(super) fn next_offset(topic: &str, partition: i32) -> Select<Option<Offset>> {
    let sql = r#"SELECT next_offset FROM source WHERE topic = $1 AND "partition" = $2"#;
    let read = |rows: &[Row]| Ok(one(rows, |row| row.try_get::<_, Option<Offset>>(0))?.flatten());
    Select { sql, given: given![topic.to_owned(), partition], read }
}

macro_rules! select_outgoing {
    ($where:literal) => {
        concat!(
            r#"SELECT id, topic, "key", headers,
                      coalesce(value, (SELECT bytes FROM blob WHERE hash = value_blob)), time, refused
               FROM (SELECT *, row_number() OVER place AS n, sum(size) OVER place AS total
                     FROM (SELECT *, coalesce(octet_length(value), (SELECT octet_length(bytes) FROM blob
                                                                    WHERE hash = value_blob), 0) AS size
                           FROM outbox WHERE id > $1"#,
            $where,
            r#"            ORDER BY id LIMIT $2) AS sized
                     WINDOW place AS (ORDER BY id)) AS summed
               WHERE total <= $3::bigint OR n = 1 ORDER BY id"#
        )
    };
}

/// Of what runs of these partitions sent.
pub(super) fn outbox_of(homes: &[Home], after: i64, limit: u32, max_bytes: usize) -> Select<Vec<Outgoing>> {
    let (topics, partitions): (Vec<_>, Vec<_>) =
        homes.iter().map(|home| (home.topic.clone(), home.partition)).unzip();
    let sql = select_outgoing!(
        r#" AND source IN (SELECT source.id FROM unnest($4::text[], $5::int[]) AS home(topic, "partition")
                           JOIN source USING (topic, "partition"))"#
    );
    let given = given![after, i64::from(limit), bytes(max_bytes), topics, partitions];
    Select { sql, given, read: |rows| all(rows, outgoing) }
}

pub(super) fn outbox(after: i64, limit: u32, max_bytes: usize) -> Select<Vec<Outgoing>> {
    let sql = select_outgoing!("");
    Select { sql, given: given![after, i64::from(limit), bytes(max_bytes)], read: |rows| all(rows, outgoing) }
}

fn outgoing(row: &Row) -> Result<Outgoing, Error> {
    let record = NewRecord {
        topic: row.try_get(1)?,
        key: row.try_get(2)?,
        headers: decode::headers(row, 3)?,
        value: row.try_get::<_, Option<Vec<u8>>>(4)?.map(Into::into),
        time: row.try_get(5)?,
    };
    Ok(Outgoing { id: row.try_get(0)?, record, refused: row.try_get(6)? })
}
