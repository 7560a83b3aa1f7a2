//! What is to be known after a crash: that there was one, and which runs were under way.

use tokio_postgres::Error;

use super::decode;
use super::session::Session;
use crate::store::{Proof, RunId};

const BEGIN: &str = r#"INSERT INTO at_work (topic, "partition") SELECT $1, $2
    WHERE $3::bigint IS NULL OR $3 = (SELECT epoch FROM source WHERE topic = $1 AND "partition" = $2)
    ON CONFLICT DO NOTHING RETURNING true"#;
const END: &str = r#"DELETE FROM at_work WHERE topic = $1 AND "partition" = $2
    AND ($3::bigint IS NULL OR $3 = (SELECT epoch FROM source WHERE topic = $1 AND "partition" = $2))
    RETURNING true"#;
const OWNS: &str = r#"SELECT true
    WHERE $3::bigint IS NULL OR $3 = (SELECT epoch FROM source WHERE topic = $1 AND "partition" = $2)"#;
const TAKE_UP: &str = "INSERT INTO taken_up (run, times, seq)
    SELECT id, 1, (SELECT coalesce(max(seq) + 1, 1) FROM event WHERE event.run = run.id)
        FROM run WHERE id = ANY($1::bigint[])
    ON CONFLICT (run) DO UPDATE SET
        times = CASE WHEN taken_up.seq = excluded.seq THEN taken_up.times + 1 ELSE 1 END, seq = excluded.seq
    RETURNING run, times";
const PUT_DOWN: &str = "UPDATE taken_up SET times = times - 1 WHERE run = ANY($1::bigint[])";

/// Notes whether a process is at work; tells what was noted before.
pub(super) async fn set_at_work(session: &mut Session, proof: &Proof, at_work: bool) -> Result<bool, Error> {
    let (topic, partition, epoch) = match proof.as_deref() {
        Some(tenure) => (tenure.home.topic.as_str(), tenure.home.partition, Some(tenure.epoch)),
        None => ("", 0, None),
    };
    let change = if at_work { BEGIN } else { END };
    let changed = session.query(change, vec![&topic, &partition, &epoch]).await?;
    // Whoever owns it no longer has changed nothing, and learns nothing.
    let owns = match changed.is_empty() {
        true => !session.query(OWNS, vec![&topic, &partition, &epoch]).await?.is_empty(),
        false => true,
    };
    Ok(owns && changed.is_empty() == at_work)
}

/// Counts that runs are taken up.
pub(super) async fn take_up(session: &mut Session, runs: &[RunId]) -> Result<Vec<(RunId, u32)>, Error> {
    let runs = numbers(runs);
    let counted = session.query(TAKE_UP, vec![&runs]).await?;
    counted.iter().map(|row| Ok((RunId(row.try_get(0)?), decode::number(row, 1)?))).collect()
}

/// Takes back that they were.
pub(super) async fn put_down(session: &mut Session, runs: &[RunId]) -> Result<(), Error> {
    session.query(PUT_DOWN, vec![&numbers(runs)]).await.map(drop)
}

fn numbers(runs: &[RunId]) -> Vec<i64> {
    runs.iter().map(|run| run.0).collect()
}
