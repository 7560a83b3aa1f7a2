//! `store`: journal rows per second that become durable.
//!
//! Concurrent submitters, each of which appends one event at a time to one run after another and
//! waits until each is durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pathway_server::store::{
    Admission, Admit, Append, NewEvent, NewRun, Offset, RunId, SqliteStore, Status, Store, StoreError,
};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::clock::{Case, rounds};
use crate::report::Report;
use crate::{Check, Options, Outcome};

const TOPIC: &str = "bench";
const DIGEST: &str = "bench";
const ADMITTED_AT_ONCE: usize = 500;

/// Journal rows per second that become durable [count: runs per submitter, 200]
#[derive(Debug, clap::Args)]
pub(crate) struct Appends {
    /// The data folder; none: in memory
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Who append at the same time
    #[arg(long, default_value_t = 256)]
    submitters: usize,
    /// Events per run, in one append each
    #[arg(long, default_value_t = 4)]
    events: u32,
    /// Bytes per event
    #[arg(long, default_value_t = 200)]
    payload: usize,
}

impl Appends {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let runs = usize::try_from(options.count(200)).map_err(|error| error.to_string())?;
        let load = Load { submitters: self.submitters, runs, events: self.events, payload: self.payload };
        let store = self.open().map_err(|error| error.to_string())?;
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let check = options.check();
        let round: Case<'_, Rate> = Box::new(|| runtime.block_on(round(&store, load, check)));
        let taken = rounds(options.rounds, vec![round])?;
        let place = if self.folder.is_some() { "on disk" } else { "in memory" };
        let Load { submitters, runs, events, payload } = load;
        let about = format!(
            "{submitters} submitters, {runs} runs each with {events} events of {payload} bytes, {place}"
        );
        let mut report = Report::new("store", about);
        report.figure("rows_per_second", "rows/s", taken.into_iter().flatten().map(Rate::per_second));
        Ok(report)
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match &self.folder {
            Some(folder) => Arc::new(SqliteStore::open(folder)?),
            None => Arc::new(SqliteStore::in_memory()?),
        })
    }
}

/// How a store is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) submitters: usize,
    /// Per submitter, one after another.
    pub(crate) runs: usize,
    /// Per run, in one append each.
    pub(crate) events: u32,
    /// Bytes per event.
    pub(crate) payload: usize,
}

/// How many rows became durable in what time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) rows: usize,
    pub(crate) elapsed: Duration,
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        self.rows as f64 / self.elapsed.as_secs_f64()
    }
}

async fn round(store: &Arc<dyn Store>, load: Load, check: Check) -> Result<Rate, String> {
    let (runs, rate) = append_rate(store, load).await.map_err(|error| error.to_string())?;
    // The journal of the last run stands for all.
    let Some(&last) = runs.last() else { return Err("no runs".to_owned()) };
    let events = store.events(last).await.map_err(|error| error.to_string())?;
    let appended = events.len().saturating_sub(1);
    check.same("the journal", &appended.to_string(), &load.events.to_string())?;
    Ok(rate)
}

/// Admits runs, then measures appending to them.
pub(crate) async fn append_rate(
    store: &Arc<dyn Store>,
    load: Load,
) -> Result<(Vec<RunId>, Rate), StoreError> {
    let runs = admit(store, load.submitters * load.runs, load.payload).await?;
    let begin = Instant::now();
    let mut submitters = JoinSet::new();
    for submitter in 0..load.submitters {
        // Neighbours in time are neighbours in the journal, as they are in a server.
        let own: Vec<RunId> = runs.iter().copied().skip(submitter).step_by(load.submitters).collect();
        submitters.spawn(submit(Arc::clone(store), own, load));
    }
    while let Some(submitter) = submitters.join_next().await {
        submitter.map_err(|error| StoreError::Stopped(error.to_string().into()))??;
    }
    let rate = Rate { rows: runs.len() * load.events as usize, elapsed: begin.elapsed() };
    Ok((runs, rate))
}

async fn submit(store: Arc<dyn Store>, runs: Vec<RunId>, load: Load) -> Result<(), StoreError> {
    for run in runs {
        for seq in 1..=load.events {
            let payload = varied(load.payload, run.0 + i64::from(seq));
            let events = vec![NewEvent { kind: "performed", payload }];
            store.append(Append { events, ..Append::new(run, seq) }).await?;
        }
    }
    Ok(())
}

async fn admit(store: &Arc<dyn Store>, count: usize, payload: usize) -> Result<Vec<RunId>, StoreError> {
    store.define(DIGEST, "").await?;
    let first = store.next_offset(TOPIC, 0).await?.unwrap_or(0);
    let new: Vec<NewRun> = (first..).take(count).map(|offset| new_run(offset, payload)).collect();
    let mut from_offset = first;
    let mut runs = Vec::with_capacity(count);
    for batch in new.chunks(ADMITTED_AT_ONCE) {
        let next_offset = batch.last().and_then(|run| run.offset).unwrap_or(from_offset) + 1;
        let admission =
            Admit { topic: TOPIC.into(), partition: 0, proof: None, from_offset, next_offset, runs: batch.to_vec() };
        for answer in store.admit(admission).await? {
            if let Admission::Inserted(run) = answer {
                runs.push(run);
            }
        }
        from_offset = next_offset;
    }
    Ok(runs)
}

fn new_run(offset: Offset, payload: usize) -> NewRun {
    NewRun {
        // Ordered in time, as version 7 is.
        public_id: format!("{offset:032x}"),
        pathway: "bench".into(),
        digest: DIGEST.into(),
        subject: None,
        offset: Some(offset),
        lane: None,
        correlation: None,
        dedupe_id: None,
        idempotency: None,
        rerun_of: None,
        at: offset,
        started: varied(payload, offset),
        status: Status::Ready,
        outcome: None,
records: Vec::new(),
stream: Vec::new(),
    }
}

/// Bytes that differ from one to the next.
fn varied(length: usize, seed: i64) -> Vec<u8> {
    seed.to_le_bytes().into_iter().cycle().take(length).collect()
}
