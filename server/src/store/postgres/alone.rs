//! Changes that are made one at a time, each in a transaction of its own.

use tokio_postgres::{Error, Row};

use super::change::{Change, Done};
use super::claims;
use super::crashes;
use super::known::BEGIN;
use super::pool::all;
use super::rows::{RELEASE, SEIZE};
use super::session::{Call, Session};
use crate::store::{Cutoffs, Epoch, Home, Prune, Pruned};

/// Runs, claims, and records per topic, that are forgotten in one transaction, so that other changes go on.
const STEP: i64 = 500;

const DEFINE: &str = "INSERT INTO definition (digest, text) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const TICK: &str = "INSERT INTO schedule (pathway, name, last, run) VALUES ($1, $2, $3, $4)
    ON CONFLICT (pathway, name) DO UPDATE SET last = excluded.last, run = excluded.run";
const TAKE_OVER: &str = r#"INSERT INTO source (topic, "partition", epoch) VALUES ($1, $2, 1)
    ON CONFLICT (topic, "partition") DO UPDATE SET epoch = source.epoch + 1 RETURNING epoch"#;
/// Of the pathways that there are, which need not be served any more. Who has called one and is not over
/// may not have heard yet how it ended. The newest run stays, as does the newest record of each topic: its
/// number says which comes next. From here on nobody leaves anything for them; those for which somebody is
/// about to are passed over.
const OLD_RUNS: &str = "WITH RECURSIVE of (pathway) AS (
        SELECT min(pathway) FROM run WHERE finished_at IS NOT NULL
        UNION ALL SELECT (SELECT min(run.pathway) FROM run WHERE finished_at IS NOT NULL AND run.pathway > of.pathway)
            FROM of WHERE of.pathway IS NOT NULL)
    SELECT old.id FROM of CROSS JOIN unnest($1::text[], $2::bigint[]) AS usual(status, before)
        LEFT JOIN unnest($3::text[], $4::text[], $5::bigint[]) AS own(pathway, status, before)
            ON own.pathway = of.pathway AND own.status = usual.status
        CROSS JOIN LATERAL (SELECT id FROM run
            WHERE run.pathway = of.pathway AND run.status = usual.status
                AND finished_at < coalesce(own.before, usual.before) AND id < (SELECT max(id) FROM run)
                AND NOT EXISTS (SELECT FROM run AS caller WHERE caller.id = run.parent AND caller.finished_at IS NULL)
                AND NOT EXISTS (SELECT FROM inbox WHERE inbox.run = run.id)
            ORDER BY finished_at LIMIT $6 FOR UPDATE OF run SKIP LOCKED) AS old
    WHERE of.pathway IS NOT NULL LIMIT $6";
/// Of one for which there is a message something is asked, also if that came just before it was seized.
const UNASKED: &str = "SELECT id FROM unnest($1::bigint[]) AS old(id)
    WHERE NOT EXISTS (SELECT FROM inbox WHERE inbox.run = old.id)";
const THEIR_BLOBS: &str =
    "SELECT started_blob FROM run WHERE id = ANY($1::bigint[]) AND started_blob IS NOT NULL
    UNION SELECT outcome_blob FROM run WHERE id = ANY($1::bigint[]) AND outcome_blob IS NOT NULL
    UNION SELECT payload_blob FROM event WHERE run = ANY($1::bigint[]) AND payload_blob IS NOT NULL
    UNION SELECT value_blob FROM stream WHERE run = ANY($1::bigint[]) AND value_blob IS NOT NULL";
const FORGET_RUNS: [&str; 4] = [
    "DELETE FROM taken_up WHERE run = ANY($1::bigint[])",
    "DELETE FROM event WHERE run = ANY($1::bigint[])",
    "DELETE FROM stream WHERE run = ANY($1::bigint[])",
    "DELETE FROM run WHERE id = ANY($1::bigint[])",
];
const TOPICS: &str = r#"SELECT id, least(next_offset, newest) FROM
    (SELECT id, next_offset, (SELECT max("offset") FROM record WHERE source = source.id) AS newest FROM source) AS topic
    WHERE newest IS NOT NULL"#;
const OLD_RECORDS: &str = r#"SELECT "offset", time, value_blob FROM record WHERE source = $1 AND "offset" < $2
    ORDER BY "offset" LIMIT $3"#;
const FORGET_RECORDS: &str = r#"DELETE FROM record WHERE source = $1 AND "offset" <= $2"#;

const PRUNING: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('pathway pruning ' || current_schema(), 0))";

/// Makes a change in a transaction, which it begins.
pub(super) async fn apply(session: &mut Session, change: &Change) -> Result<Done, Error> {
    session.query(BEGIN, Vec::new()).await?;
    match change {
        Change::Define { digest, text } => {
            session.query(DEFINE, vec![digest, &text.as_bytes()]).await?;
            Ok(Done::Nothing)
        }
        Change::Tick { pathway, schedule, tick } => {
            session.query(TICK, vec![pathway, schedule, &tick.at, &tick.run]).await?;
            Ok(Done::Nothing)
        }
        Change::Prune(prune) => self::prune(session, prune).await.map(Done::Pruned),
        Change::SetAtWork { proof, at_work } => {
            crashes::set_at_work(session, proof, *at_work).await.map(Done::WasAtWork)
        }
        Change::TakeUp(runs) => crashes::take_up(session, runs).await.map(Done::Counted),
        Change::PutDown(runs) => crashes::put_down(session, runs).await.map(|()| Done::Nothing),
        Change::TakeOver(home) => take_over(session, home).await.map(Done::TakenOver),
        _ => Ok(Done::Nothing),
    }
}

async fn take_over(session: &mut Session, home: &Home) -> Result<Epoch, Error> {
    let rows = session.query(TAKE_OVER, vec![&home.topic, &home.partition]).await?;
    rows.first().map_or(Ok(0), |row| row.try_get(0))
}

async fn prune(session: &mut Session, prune: &Prune) -> Result<Pruned, Error> {
    // One process at a time does, for all that share the store.
    let mine = session.query(PRUNING, Vec::new()).await?;
    if !mine.first().map_or(Ok(true), |row| row.try_get(0))? {
        return Ok(Pruned::default());
    }
    let mut blobs = Vec::new();
    let runs = prune_runs(session, &prune.runs_before, &mut blobs).await?;
    let records = prune_records(session, prune.records_before, &mut blobs).await?;
    if !blobs.is_empty() {
        session.query(SEIZE, vec![&blobs]).await?;
        session.query(RELEASE, vec![&blobs]).await?;
    }
    let claims = session.query(claims::PRUNE, vec![&prune.claims_before, &STEP]).await?.len();
    Ok(Pruned { runs, records, claims: claims.try_into().unwrap_or(u64::MAX) })
}

async fn prune_runs(session: &mut Session, before: &Cutoffs, blobs: &mut Vec<Vec<u8>>) -> Result<u64, Error> {
    let (statuses, usual): (Vec<_>, Vec<_>) =
        before.usual.each().map(|(status, before)| (status.name(), before)).into_iter().unzip();
    let (mut pathways, mut of, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for (pathway, cutoff) in &before.own {
        for (status, before) in cutoff.each() {
            pathways.push(pathway.as_str());
            of.push(status.name());
            own.push(before);
        }
    }
    let id = |row: &Row| row.try_get::<_, i64>(0);
    let old = session.query(OLD_RUNS, vec![&statuses, &usual, &pathways, &of, &own, &STEP]).await?;
    let old = all(&old, id)?;
    if old.is_empty() {
        return Ok(0);
    }
    let runs = all(&session.query(UNASKED, vec![&old]).await?, id)?;
    if runs.is_empty() {
        return Ok(0);
    }
    for row in session.query(THEIR_BLOBS, vec![&runs]).await? {
        blobs.push(row.try_get(0)?);
    }
    session.pipeline(FORGET_RUNS.map(|sql| Call::new(sql, vec![&runs])).into()).await?;
    Ok(runs.len().try_into().unwrap_or(u64::MAX))
}

async fn prune_records(session: &mut Session, before: i64, blobs: &mut Vec<Vec<u8>>) -> Result<u64, Error> {
    let mut pruned = 0;
    for topic in session.query(TOPICS, Vec::new()).await? {
        let (source, end) = (topic.try_get::<_, i64>(0)?, topic.try_get::<_, i64>(1)?);
        let mut last = None;
        for row in session.query(OLD_RECORDS, vec![&source, &end, &STEP]).await? {
            if row.try_get::<_, i64>(1)? >= before {
                break;
            }
            last = Some(row.try_get::<_, i64>(0)?);
            blobs.extend(row.try_get::<_, Option<Vec<u8>>>(2)?);
            pruned += 1;
        }
        if let Some(last) = last {
            session.query(FORGET_RECORDS, vec![&source, &last]).await?;
        }
    }
    Ok(pruned)
}
