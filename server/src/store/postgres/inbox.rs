//! Reading messages for runs.

use tokio_postgres::{Error, Row};

use super::decode::text;
use super::pool::{Select, all, given, one};
use super::records::bytes;
use super::runs::home;
use crate::store::{Home, Mark, Message, Most, Page, RunId, Unreceived};

/// Of messages those before which less than `$4` bytes are said: they are counted before any is read.
macro_rules! first {
    ($found:expr) => {
        concat!(
            "SELECT * FROM (SELECT part.*, sum(octet_length(payload)) OVER (ORDER BY change, id)
                    - octet_length(payload) AS said_before
                FROM (",
            $found,
            ") AS part) AS counted WHERE said_before < $4"
        )
    };
}

/// With what is settled as of the same moment, in each row, also if there is no message.
macro_rules! select_page {
    ($found:literal) => {
        concat!(
            r#"SELECT found.id, found.change, found.run, run.public_id, found.topic, found."partition",
                   found.posted_at, found.payload, txid_snapshot_xmin(now.snapshot)
               FROM (SELECT txid_current_snapshot() AS snapshot) AS now LEFT JOIN ("#,
            first!($found),
            r#") AS found ON true LEFT JOIN run ON run.id = found.run ORDER BY found.change, found.id"#
        )
    };
}

/// Of partitions, each as its index has them, or of all.
pub(super) fn page(homes: Option<&[Home]>, after: Mark, most: Most) -> Select<Page> {
    let mark = given![after.change, after.id, i64::from(most.messages), bytes(most.bytes)];
    let Some(homes) = homes else {
        let sql = select_page!(
            r#"SELECT inbox.*, topic, "partition" FROM inbox LEFT JOIN source ON source.id = inbox.source
               WHERE (change, inbox.id) > ($1, $2) ORDER BY change, inbox.id LIMIT $3"#
        );
        return Select { sql, given: mark, read: read_page };
    };
    let (topics, partitions): (Vec<_>, Vec<_>) =
        homes.iter().map(|home| (home.topic.clone(), home.partition)).unzip();
    let sql = select_page!(
        r#"SELECT own.*, topic, "partition"
           FROM unnest($5::text[], $6::int[]) AS home(topic, "partition") JOIN source USING (topic, "partition")
               CROSS JOIN LATERAL (SELECT * FROM inbox
                   WHERE inbox.source = source.id AND (change, inbox.id) > ($1, $2)
                   ORDER BY change, inbox.id LIMIT $3) AS own
           ORDER BY change, own.id LIMIT $3"#
    );
    let given = mark.into_iter().chain(given![topics, partitions]).collect();
    Select { sql, given, read: read_page }
}

fn read_page(rows: &[Row]) -> Result<Page, Error> {
    let change = rows.first().map(|row| row.try_get(8)).transpose()?.unwrap_or_default();
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get::<_, Option<i64>>(0)?.is_some() {
            messages.push(message(row)?);
        }
    }
    Ok(Page { messages, settled: Mark { change, id: 0 } })
}

fn message(row: &Row) -> Result<Message, Error> {
    Ok(Message {
        id: row.try_get(0)?,
        change: row.try_get(1)?,
        run: RunId(row.try_get(2)?),
        public_id: text(row, 3)?.unwrap_or_default(),
        home: home(row, 4)?,
        at: row.try_get(6)?,
        payload: row.try_get(7)?,
    })
}

/// Of a run.
pub(super) fn of(run: RunId, after: Mark, most: Most) -> Select<Vec<Message>> {
    let sql = concat!(
        first!(
            r#"SELECT inbox.id, change, inbox.run, run.public_id, topic, "partition", posted_at, payload
               FROM inbox LEFT JOIN run ON run.id = inbox.run LEFT JOIN source ON source.id = inbox.source
               WHERE inbox.run = $5 AND (change, inbox.id) > ($1, $2) ORDER BY change, inbox.id LIMIT $3"#
        ),
        " ORDER BY change, id"
    );
    let given = given![after.change, after.id, i64::from(most.messages), bytes(most.bytes), run.0];
    Select { sql, given, read: |rows| all(rows, message) }
}

/// How many there are of the first so many.
pub(super) fn unreceived(most: u32) -> Select<Unreceived> {
    let sql = "SELECT count(*), min(posted_at)
        FROM (SELECT posted_at FROM inbox ORDER BY change, id LIMIT $1) AS first";
    let read = |rows: &[Row]| Ok(one(rows, count)?.unwrap_or_default());
    Select { sql, given: given![i64::from(most)], read }
}

fn count(row: &Row) -> Result<Unreceived, Error> {
    Ok(Unreceived { messages: row.try_get::<_, i64>(0)?.unsigned_abs(), oldest: row.try_get(1)? })
}
