//! Reading runs, their journals and streams.

use tokio_postgres::{Error, Row};

use super::decode::{self, text};
use super::pool::{Select, all, given, one};
use crate::store::{Counts, Event, Filter, Home, Position, Run, RunId, Status, StreamRow};

/// Runs whose journals are read together.
const TOGETHER: usize = 64;
/// Bytes of them, and of one more.
const BYTES_TOGETHER: i64 = 4 << 20;

macro_rules! select_run {
    ($rest:literal) => {
        concat!(
            r#"SELECT run.id, run.public_id, run.pathway, definition.digest, run.subject, source.topic,
                      source."partition", run."offset", run.lane,
                      coalesce(run.correlation, run.public_id), run.input_hash, run.parent,
                      run.status, run.wake_at, run.created_at, run.finished_at,
                      coalesce(run.outcome, (SELECT bytes FROM blob WHERE blob.hash = run.outcome_blob)),
                      run.rerun_of
               FROM run JOIN definition ON definition.id = run.definition
               LEFT JOIN source ON source.id = run.source "#,
            $rest
        )
    };
}

fn run(row: &Row) -> Result<Run, Error> {
    let home = home(row, 5)?;
    let position = home.clone().zip(row.try_get(7)?);
    let source = position.map(|(Home { topic, partition }, offset)| Position { topic, partition, offset });
    Ok(Run {
        id: RunId(row.try_get(0)?),
        public_id: text(row, 1)?.unwrap_or_default(),
        pathway: row.try_get(2)?,
        digest: row.try_get(3)?,
        subject: text(row, 4)?,
        source,
        home,
        lane: text(row, 8)?,
        correlation: text(row, 9)?.unwrap_or_default(),
        input_hash: row.try_get(10)?,
        parent: row.try_get::<_, Option<i64>>(11)?.map(RunId),
        rerun_of: text(row, 17)?,
        status: decode::status(row, 12)?,
        wake_at: row.try_get(13)?,
        created_at: row.try_get(14)?,
        finished_at: row.try_get(15)?,
        outcome: row.try_get(16)?,
    })
}

/// The partition at two columns, its topic and number.
pub(super) fn home(row: &Row, at: usize) -> Result<Option<Home>, Error> {
    match row.try_get(at)? {
        Some(topic) => Ok(Some(Home { topic, partition: row.try_get(at + 1)? })),
        None => Ok(None),
    }
}

const ONE: fn(&[Row]) -> Result<Option<Run>, Error> = |rows| one(rows, run);
const MANY: fn(&[Row]) -> Result<Vec<Run>, Error> = |rows| all(rows, run);

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub(super) fn by_public_id(public_id: &str) -> Select<Option<Run>> {
    let sql = select_run!("WHERE run.public_id = $1");
    Select { sql, given: given![bytes(public_id)], read: ONE }
}

pub(super) fn by_correlation(pathway: Option<&str>, correlation: &str) -> Select<Option<Run>> {
    let sql = select_run!(
        "WHERE run.id = (SELECT max(id) FROM (
             SELECT id FROM run WHERE sha256(correlation) = sha256($1) AND correlation IS NOT NULL
                 AND ($2::text IS NULL OR pathway = $2)
             UNION ALL SELECT id FROM run
                 WHERE public_id = $1 AND correlation IS NULL AND ($2::text IS NULL OR pathway = $2)) AS found)"
    );
    Select { sql, given: given![bytes(correlation), pathway.map(str::to_owned)], read: ONE }
}

pub(super) fn by_idempotency(pathway: &str, subject: Option<&str>, key: &str) -> Select<Option<Run>> {
    let sql = select_run!(
        "WHERE pathway = $1 AND sha256(idempotency_key) = sha256($2) AND idempotency_key IS NOT NULL
             AND sha256(coalesce(subject, '')) = sha256(coalesce($3::bytea, ''))"
    );
    Select { sql, given: given![pathway.to_owned(), bytes(key), subject.map(bytes)], read: ONE }
}

pub(super) fn unfinished(after: Option<RunId>, limit: u32) -> Select<Vec<Run>> {
    let sql = select_run!("WHERE finished_at IS NULL AND run.id > $1 ORDER BY run.id LIMIT $2");
    Select { sql, given: given![after.map_or(0, |run| run.0), i64::from(limit)], read: MANY }
}

pub(super) fn ready(after: Option<RunId>, limit: u32) -> Select<Vec<Run>> {
    let sql =
        select_run!("WHERE finished_at IS NULL AND status = $3 AND run.id > $1 ORDER BY run.id LIMIT $2");
    let given = given![after.map_or(0, |run| run.0), i64::from(limit), Status::Ready.name()];
    Select { sql, given, read: MANY }
}

pub(super) fn unfinished_of(home: &Home, after: Option<RunId>, limit: u32) -> Select<Vec<Run>> {
    let sql = select_run!(
        r#"WHERE finished_at IS NULL AND run.id > $1
               AND run.source = (SELECT id FROM source WHERE topic = $3 AND "partition" = $4)
           ORDER BY run.id LIMIT $2"#
    );
    let given = given![after.map_or(0, |run| run.0), i64::from(limit), home.topic.clone(), home.partition];
    Select { sql, given, read: MANY }
}

pub(super) fn unfinished_topics() -> Select<Vec<String>> {
    // As bytes, and so in the same order everywhere.
    let sql = r#"SELECT topic FROM (SELECT DISTINCT topic FROM source WHERE EXISTS
                     (SELECT 1 FROM run WHERE run.source = source.id AND finished_at IS NULL)) AS topics
                 ORDER BY topic COLLATE "C""#;
    Select { sql, given: Vec::new(), read: |rows| all(rows, |row| row.try_get(0)) }
}

pub(super) fn children(parent: RunId) -> Select<Vec<Run>> {
    Select { sql: select_run!("WHERE parent = $1 ORDER BY run.id"), given: given![parent.0], read: MANY }
}

pub(super) fn reruns(public_id: &str, limit: u32) -> Select<Vec<Run>> {
    let sql = select_run!("WHERE run.rerun_of = $1 ORDER BY run.id DESC LIMIT $2");
    Select { sql, given: given![bytes(public_id), i64::from(limit)], read: MANY }
}

pub(super) fn list(filter: Filter) -> Select<Vec<Run>> {
    // Unfinished runs are few and have an index of their own.
    let sql = if filter.status.is_some_and(|status| !status.is_final()) {
        select_run!(
            "WHERE finished_at IS NULL AND run.id < $1 AND status = $2 AND ($3::text IS NULL OR pathway = $3)
             ORDER BY run.id DESC LIMIT $4"
        )
    } else {
        select_run!(
            "WHERE run.id < $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR pathway = $3)
             ORDER BY run.id DESC LIMIT $4"
        )
    };
    let before = filter.before.map_or(i64::MAX, |run| run.0);
    let given = given![before, filter.status.map(Status::name), filter.pathway, i64::from(filter.limit)];
    Select { sql, given, read: MANY }
}

pub(super) fn events(run: RunId) -> Select<Vec<Event>> {
    let sql = "SELECT 0::bigint AS seq, 'started' AS kind,
                   coalesce(started, (SELECT bytes FROM blob WHERE hash = started_blob)) FROM run WHERE id = $1
               UNION ALL SELECT seq, kind, coalesce(payload, (SELECT bytes FROM blob WHERE hash = payload_blob))
                   FROM event WHERE run = $1 ORDER BY seq";
    Select { sql, given: given![run.0], read: |rows| all(rows, event) }
}

fn event(row: &Row) -> Result<Event, Error> {
    Ok(Event { seq: decode::number(row, 0)?, kind: row.try_get(1)?, payload: row.try_get(2)? })
}

/// The journals of the first of these runs.
pub(super) fn journals(runs: &[RunId]) -> Select<Vec<Vec<Event>>> {
    let sql = "WITH asked AS (
                   SELECT id, place FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (id, place)
               ), sized AS (
                   SELECT asked.id, place, coalesce(sum(coalesce(pg_column_size(payload),
                           (SELECT pg_column_size(bytes) FROM blob WHERE hash = payload_blob))), 0) AS size
                       FROM asked LEFT JOIN event ON event.run = asked.id GROUP BY asked.id, place
               ), before AS (
                   SELECT id, place, sum(size) OVER (ORDER BY place) - size AS bytes FROM sized
               ), first AS (
                   SELECT id, place FROM before WHERE bytes <= $2::bigint
               )
               SELECT seq, kind, payload, place FROM (
                   SELECT place, 0::bigint AS seq, CASE WHEN run.id IS NOT NULL THEN 'started' END AS kind,
                          coalesce(started, (SELECT bytes FROM blob WHERE hash = started_blob)) AS payload
                       FROM first LEFT JOIN run ON run.id = first.id
                   UNION ALL
                   SELECT place, seq, kind, coalesce(payload, (SELECT bytes FROM blob WHERE hash = payload_blob))
                       FROM first JOIN event ON event.run = first.id
               ) AS events ORDER BY place, seq";
    let runs: Vec<i64> = runs.iter().take(TOGETHER).map(|run| run.0).collect();
    Select { sql, given: given![runs, BYTES_TOGETHER], read: by_place }
}

/// The events of each place; a run that is not there has none.
fn by_place(rows: &[Row]) -> Result<Vec<Vec<Event>>, Error> {
    let (mut journals, mut last) = (Vec::new(), None);
    for row in rows {
        let place: i64 = row.try_get(3)?;
        if last.replace(place) != Some(place) {
            journals.push(Vec::new());
        }
        if let (Some(journal), Some(_)) = (journals.last_mut(), row.try_get::<_, Option<&str>>(1)?) {
            journal.push(event(row)?);
        }
    }
    Ok(journals)
}

pub(super) fn stream(run: RunId, after: Option<(u32, u32)>, limit: u32) -> Select<Vec<StreamRow>> {
    let sql =
        "SELECT attempt, seq, coalesce(value, (SELECT bytes FROM blob WHERE hash = value_blob)) FROM stream
               WHERE run = $1 AND (attempt, seq) > ($2, $3) ORDER BY attempt, seq LIMIT $4";
    let (attempt, seq) = after.map_or((-1, -1), |(attempt, seq)| (i64::from(attempt), i64::from(seq)));
    let given = given![run.0, attempt, seq, i64::from(limit)];
    Select { sql, given, read: |rows| all(rows, piece) }
}

fn piece(row: &Row) -> Result<StreamRow, Error> {
    Ok(StreamRow { attempt: decode::number(row, 0)?, seq: decode::number(row, 1)?, value: row.try_get(2)? })
}

pub(super) fn counts() -> Select<Counts> {
    let sql = "SELECT status, count(*) FROM run WHERE finished_at IS NULL GROUP BY status
               UNION ALL SELECT status, count(*) FROM run WHERE finished_at IS NOT NULL GROUP BY status";
    Select { sql, given: Vec::new(), read: counted }
}

pub(super) fn unfinished_counts() -> Select<Counts> {
    let sql = "SELECT status, count(*) FROM run WHERE finished_at IS NULL GROUP BY status";
    Select { sql, given: Vec::new(), read: counted }
}

fn counted(rows: &[Row]) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for row in rows {
        let count = u64::try_from(row.try_get::<_, i64>(1)?).unwrap_or_default();
        match decode::status(row, 0)? {
            Status::Ready => counts.ready = count,
            Status::Parked => counts.parked = count,
            Status::Succeeded => counts.succeeded = count,
            Status::Failed => counts.failed = count,
            Status::Cancelled => counts.cancelled = count,
        }
    }
    Ok(counts)
}
