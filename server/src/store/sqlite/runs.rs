//! Reading runs, their journals and streams.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::store::{Counts, Event, Filter, Home, Position, Run, RunId, Status, StreamRow};

/// Bytes of journals that are read together, and of one more.
const TOGETHER: usize = 4 << 20;

macro_rules! select_run {
    ($rest:literal) => {
        concat!(
            r#"SELECT run.id, run.public_id, run.pathway, definition.digest, run.subject, source.topic,
                      source."partition", run."offset", run.lane,
                      ifnull(run.correlation, run.public_id), run.input_hash, run.parent,
                      run.status, run.wake_at, run.created_at, run.finished_at,
                      ifnull(run.outcome, (SELECT bytes FROM blob WHERE blob.id = run.outcome_blob)),
                      run.rerun_of
               FROM run JOIN definition ON definition.id = run.definition
               LEFT JOIN source ON source.id = run.source "#,
            $rest
        )
    };
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let home = match row.get::<_, Option<String>>(5)? {
        Some(topic) => Some(Home { topic, partition: row.get(6)? }),
        None => None,
    };
    let position = home.clone().zip(row.get(7)?);
    let source = position.map(|(Home { topic, partition }, offset)| Position { topic, partition, offset });
    let status = row.get_ref(12)?.as_str()?;
    let status = Status::from_name(status).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(12, rusqlite::types::Type::Text, status.into())
    })?;
    Ok(Run {
        id: RunId(row.get(0)?),
        public_id: row.get(1)?,
        pathway: row.get(2)?,
        digest: row.get(3)?,
        subject: row.get(4)?,
        source,
        home,
        lane: row.get(8)?,
        correlation: row.get(9)?,
        input_hash: row.get(10)?,
        parent: row.get::<_, Option<i64>>(11)?.map(RunId),
        rerun_of: row.get(17)?,
        status,
        wake_at: row.get(13)?,
        created_at: row.get(14)?,
        finished_at: row.get(15)?,
        outcome: row.get(16)?,
    })
}

fn one(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<Run>> {
    connection.prepare_cached(sql)?.query_row(params, run).optional()
}

fn many(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<Run>> {
    connection.prepare_cached(sql)?.query_map(params, run)?.collect()
}

pub(super) fn by_public_id(connection: &Connection, public_id: &str) -> rusqlite::Result<Option<Run>> {
    one(connection, select_run!("WHERE run.public_id = ?1"), params![public_id])
}

pub(super) fn by_correlation(
    connection: &Connection,
    pathway: Option<&str>,
    correlation: &str,
) -> rusqlite::Result<Option<Run>> {
    one(
        connection,
        select_run!(
            "WHERE run.id = (SELECT max(id) FROM (
                 SELECT id FROM run WHERE correlation = ?1 AND (?2 IS NULL OR pathway = ?2)
                 UNION ALL SELECT id FROM run
                     WHERE public_id = ?1 AND correlation IS NULL AND (?2 IS NULL OR pathway = ?2)))"
        ),
        params![correlation, pathway],
    )
}

pub(super) fn by_idempotency(
    connection: &Connection,
    pathway: &str,
    subject: Option<&str>,
    key: &str,
) -> rusqlite::Result<Option<Run>> {
    one(
        connection,
        select_run!("WHERE pathway = ?1 AND idempotency_key = ?2 AND ifnull(subject, '') = ifnull(?3, '')"),
        params![pathway, key, subject],
    )
}

pub(super) fn unfinished(
    connection: &Connection,
    after: Option<RunId>,
    limit: u32,
) -> rusqlite::Result<Vec<Run>> {
    many(
        connection,
        select_run!("WHERE finished_at IS NULL AND run.id > ?1 ORDER BY run.id LIMIT ?2"),
        params![after.map_or(0, |run| run.0), limit],
    )
}

pub(super) fn ready(connection: &Connection, after: Option<RunId>, limit: u32) -> rusqlite::Result<Vec<Run>> {
    many(
        connection,
        select_run!("WHERE finished_at IS NULL AND status = ?3 AND run.id > ?1 ORDER BY run.id LIMIT ?2"),
        params![after.map_or(0, |run| run.0), limit, Status::Ready.name()],
    )
}

pub(super) fn unfinished_of(
    connection: &Connection,
    home: &Home,
    after: Option<RunId>,
    limit: u32,
) -> rusqlite::Result<Vec<Run>> {
    many(
        connection,
        select_run!(
            r#"WHERE finished_at IS NULL AND run.id > ?1 AND source.topic = ?3 AND source."partition" = ?4
               ORDER BY run.id LIMIT ?2"#
        ),
        params![after.map_or(0, |run| run.0), limit, home.topic, home.partition],
    )
}

pub(super) fn unfinished_topics(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT topic FROM run JOIN source ON source.id = run.source
             WHERE finished_at IS NULL ORDER BY topic",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

pub(super) fn children(connection: &Connection, parent: RunId) -> rusqlite::Result<Vec<Run>> {
    many(connection, select_run!("WHERE parent = ?1 ORDER BY run.id"), params![parent.0])
}

pub(super) fn reruns(connection: &Connection, public_id: &str, limit: u32) -> rusqlite::Result<Vec<Run>> {
    many(
        connection,
        select_run!("WHERE run.rerun_of = ?1 ORDER BY run.id DESC LIMIT ?2"),
        params![public_id, limit],
    )
}

pub(super) fn list(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Run>> {
    let before = filter.before.map_or(i64::MAX, |run| run.0);
    let status = filter.status.map(Status::name);
    // Unfinished runs are few and have an index of their own.
    let sql = if filter.status.is_some_and(|status| !status.is_final()) {
        select_run!(
            "WHERE finished_at IS NULL AND run.id < ?1 AND status = ?2 AND (?3 IS NULL OR pathway = ?3)
             ORDER BY run.id DESC LIMIT ?4"
        )
    } else {
        select_run!(
            "WHERE run.id < ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR pathway = ?3)
             ORDER BY run.id DESC LIMIT ?4"
        )
    };
    many(connection, sql, params![before, status, filter.pathway, filter.limit])
}

pub(super) fn events(connection: &Connection, run: RunId) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT 0 AS seq, 'started', ifnull(started, (SELECT bytes FROM blob WHERE id = started_blob))
                 FROM run WHERE id = ?1
             UNION ALL SELECT seq, kind, ifnull(payload, (SELECT bytes FROM blob WHERE id = payload_blob))
                 FROM event WHERE run = ?1 ORDER BY seq",
        )?
        .query_map(params![run.0], |row| {
            Ok(Event { seq: row.get(0)?, kind: row.get(1)?, payload: row.get(2)? })
        })?
        .collect()
}

/// The journals of the first of these runs.
pub(super) fn journals(connection: &Connection, runs: &[RunId]) -> rusqlite::Result<Vec<Vec<Event>>> {
    let (mut journals, mut bytes) = (Vec::with_capacity(runs.len()), 0);
    for run in runs {
        let journal = events(connection, *run)?;
        bytes += journal.iter().map(|event| event.payload.len()).sum::<usize>();
        journals.push(journal);
        if bytes > TOGETHER {
            break;
        }
    }
    Ok(journals)
}

pub(super) fn stream(
    connection: &Connection,
    run: RunId,
    after: Option<(u32, u32)>,
    limit: u32,
) -> rusqlite::Result<Vec<StreamRow>> {
    let (attempt, seq) = after.map_or((-1, -1), |(attempt, seq)| (i64::from(attempt), i64::from(seq)));
    connection
        .prepare_cached(
            "SELECT attempt, seq, ifnull(value, (SELECT bytes FROM blob WHERE id = value_blob)) FROM stream
             WHERE run = ?1 AND (attempt, seq) > (?2, ?3) ORDER BY attempt, seq LIMIT ?4",
        )?
        .query_map(params![run.0, attempt, seq, limit], |row| {
            Ok(StreamRow { attempt: row.get(0)?, seq: row.get(1)?, value: row.get(2)? })
        })?
        .collect()
}

pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    counted(
        connection,
        "SELECT status, count(*) FROM run WHERE finished_at IS NULL GROUP BY status
         UNION ALL SELECT status, count(*) FROM run WHERE finished_at IS NOT NULL GROUP BY status",
    )
}

pub(super) fn unfinished_counts(connection: &Connection) -> rusqlite::Result<Counts> {
    counted(connection, "SELECT status, count(*) FROM run WHERE finished_at IS NULL GROUP BY status")
}

fn counted(connection: &Connection, sql: &str) -> rusqlite::Result<Counts> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut counts = Counts::default();
    while let Some(row) = rows.next()? {
        let count = u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
        match Status::from_name(row.get_ref(0)?.as_str()?) {
            Some(Status::Ready) => counts.ready = count,
            Some(Status::Parked) => counts.parked = count,
            Some(Status::Succeeded) => counts.succeeded = count,
            Some(Status::Failed) => counts.failed = count,
            Some(Status::Cancelled) => counts.cancelled = count,
            None => {}
        }
    }
    Ok(counts)
}
