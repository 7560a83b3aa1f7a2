//! `journal`: durable runs through the real runner, store and embedded bus in a folder, and
//! appends to journals beside the same rows written by nothing but SQLite.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use pathway_server::bus::{Bus, EmbeddedBus, NewRecord};
use pathway_server::clock::Clock;
use pathway_server::definition::Definition;
use pathway_server::effects::http::HttpClient;
use pathway_server::ids::Ids;
use pathway_server::runner::{Compacting, Parts, Runner};
use pathway_server::seal::SealKey;
use pathway_server::store::{
    Admission, Admit, Append, Filter, NewEvent, NewRun, RunId, SqliteStore, Status, Store,
};
use rusqlite::{Connection, params};
use tokio::task::JoinSet;

use crate::clock::{Case, rounds};
use crate::report::Report;
use crate::{Check, Options, Outcome, order, pathway};

/// Changes of a transaction.
const BATCH: u64 = 256;
/// Bytes of an event.
const EVENT: usize = 200;
/// How often it is asked whether all runs are over.
const ASK: Duration = Duration::from_millis(5);
/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Durable runs, and appends to journals beside plain SQLite [count: runs and rows, 20480]
#[derive(Debug, clap::Args)]
pub(crate) struct Journal {}

impl Journal {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(20_480);
        let check = options.check();
        let runtime = tokio::runtime::Runtime::new().map_err(text)?;
        let cases: Vec<Case<'_, f64>> = vec![
            Box::new(|| in_folder(|folder| runtime.block_on(runs(folder, count, check)))),
            Box::new(|| in_folder(|folder| runtime.block_on(appends(folder, count, check)))),
            Box::new(|| in_folder(|folder| plain_sqlite(folder, count, check))),
        ];
        let taken = rounds(options.rounds, cases)?;
        let [runs, appends, plain] = taken.as_slice() else { return Err("no rounds".to_owned()) };
        let about = format!("{count} runs of three pure steps; {count} rows of {EVENT} bytes");
        let mut report = Report::new("journal", about);
        report.figure("durable_runs_per_second", "runs/s", runs.iter().copied());
        report.figure("store_appends_per_second", "rows/s", appends.iter().copied());
        report.figure("plain_sqlite_rows_per_second", "rows/s", plain.iter().copied());
        let slower = plain.iter().zip(appends).map(|(plain, appends)| plain / appends);
        report.figure("plain_sqlite_to_store", "ratio", slower);
        Ok(report)
    }
}

fn in_folder(work: impl FnOnce(&Path) -> Result<f64, String>) -> Result<f64, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    work(folder.path())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn per_second(count: u64, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Runs a second, from the first record published until the last run is durable.
async fn runs(folder: &Path, count: u64, check: Check) -> Result<f64, String> {
    let store = Arc::new(SqliteStore::open(folder).map_err(text)?);
    let bus = Arc::new(EmbeddedBus::new(store.clone()));
    let project = Project { max_runs: 1024, ..Project::default() };
    let runner = Runner::start(Parts {
        program: pathway::program(&project, &[pathway::THREE.into()])?,
        project: Arc::new(project),
        store: store.clone(),
        bus: bus.clone(),
        keys: SealKey::generate().map_err(text)?.into(),
        vouch: None,
        definition: Definition::default(),
        variables: Variables::new(),
        mocks: None,
        transport: Arc::new(HttpClient::new().map_err(text)?),
        clock: Clock::system(),
        ids: Ids::system(),
        traces: None,
        compacting: Compacting::default(),
    })
    .await?;
    runner.consume();
    let began = Instant::now();
    for first in (0..count).step_by(BATCH as usize) {
        let records = (first..count.min(first + BATCH)).map(|n| NewRecord {
            topic: "pathway.three".into(),
            key: None,
            value: Some(order::input(n).into_bytes().into()),
            headers: Vec::new().into(),
            time: 0,
        });
        bus.publish(records.collect()).await.map_err(text)?;
    }
    while store.counts().await.map_err(text)?.succeeded < count {
        if began.elapsed() > PATIENCE {
            return Err("the runs did not come to an end".to_owned());
        }
        tokio::time::sleep(ASK).await;
    }
    let rate = per_second(count, began);
    runner.stop(PATIENCE).await;
    check_runs(&*store, count, check).await?;
    Ok(rate)
}

async fn check_runs(store: &dyn Store, count: u64, check: Check) -> Result<(), String> {
    let limit = u32::try_from(count).unwrap_or(u32::MAX);
    let filter = Filter { status: Some(Status::Succeeded), pathway: None, before: None, limit };
    for run in store.runs(filter).await.map_err(text)? {
        let n = run.source.map_or(-1, |position| position.offset);
        let [.., expected] = order::outputs(u64::try_from(n).unwrap_or(u64::MAX));
        let found = String::from_utf8(run.outcome.unwrap_or_default()).map_err(text)?;
        check.same("a run", &found, &format!("{{\"answer\":{expected}}}"))?;
    }
    Ok(())
}

/// Rows a second appended to journals: one event by each of many runs at once.
async fn appends(folder: &Path, count: u64, check: Check) -> Result<f64, String> {
    let store = Arc::new(SqliteStore::open(folder).map_err(text)?);
    store.define("digest", "text").await.map_err(text)?;
    let ids = admit(&*store).await?;
    let rows = count.div_ceil(BATCH);
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for run in &ids {
        let (store, run) = (store.clone(), *run);
        writers.spawn(async move {
            for seq in 1..=rows {
                let events = vec![NewEvent { kind: "performed", payload: payload(run.0, seq) }];
                let seq = u32::try_from(seq).unwrap_or(u32::MAX);
                store.append(Append { events, ..Append::new(run, seq) }).await?;
            }
            Ok::<_, pathway_server::store::StoreError>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written.map_err(text)?.map_err(text)?;
    }
    let rate = per_second(rows * BATCH, began);
    for run in ids {
        let events = store.events(run).await.map_err(text)?;
        check.same("a journal", &events.len().to_string(), &(rows + 1).to_string())?;
        let last = events.last().map(|event| event.payload.clone()).unwrap_or_default();
        check.same("an event", &format!("{last:?}"), &format!("{:?}", payload(run.0, rows)))?;
    }
    Ok(rate)
}

async fn admit(store: &dyn Store) -> Result<Vec<RunId>, String> {
    let runs = (0..BATCH).map(|n| NewRun {
        public_id: format!("018f0000-0000-7000-8000-{n:012}"),
        pathway: "three".into(),
        digest: "digest".into(),
        subject: None,
        offset: i64::try_from(n).ok(),
        lane: None,
        correlation: None,
        dedupe_id: None,
        idempotency: None,
        rerun_of: None,
        at: 0,
        started: payload(0, n),
        status: Status::Ready,
        outcome: None,
        records: Vec::new(),
        stream: Vec::new(),
    });
    let admit = Admit {
        topic: "t".into(),
        partition: 0,
        proof: None,
        from_offset: 0,
        next_offset: i64::try_from(BATCH).unwrap_or(0),
        received: Vec::new(),
        runs: runs.collect(),
    };
    let inserted = store.admit(admit).await.map_err(text)?.into_iter().map(|answer| match answer {
        Admission::Inserted(run) => Ok(run),
        Admission::Duplicate { .. } => Err("a run was there already".to_owned()),
    });
    inserted.collect()
}

/// The same rows, written to a table of the same form by one thread and one statement.
fn plain_sqlite(folder: &Path, count: u64, check: Check) -> Result<f64, String> {
    let mut connection = Connection::open(folder.join("plain.db")).map_err(text)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE event (
                 run INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, payload BLOB,
                 payload_blob INTEGER, PRIMARY KEY (run, seq)
             ) WITHOUT ROWID;",
        )
        .map_err(text)?;
    let rows = count.div_ceil(BATCH);
    let began = Instant::now();
    for seq in 1..=rows {
        let transaction = connection.transaction().map_err(text)?;
        for run in 0..BATCH {
            transaction
                .prepare_cached("INSERT INTO event VALUES (?1, ?2, 'performed', ?3, NULL)")
                .and_then(|mut insert| {
                    let run = i64::try_from(run).unwrap_or(0);
                    insert.execute(params![run, seq.cast_signed(), payload(run, seq)])
                })
                .map_err(text)?;
        }
        transaction.commit().map_err(text)?;
    }
    let rate = per_second(rows * BATCH, began);
    let found: i64 =
        connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).map_err(text)?;
    check.same("plain SQLite", &found.to_string(), &(rows * BATCH).to_string())?;
    Ok(rate)
}

/// An event of [`EVENT`] bytes that no other is equal to.
fn payload(run: i64, seq: u64) -> Vec<u8> {
    let mut payload = format!("{{\"run\":{run},\"seq\":{seq},\"answer\":\"").into_bytes();
    payload.resize(EVENT - 2, b'.');
    payload.extend(b"\"}");
    payload
}
