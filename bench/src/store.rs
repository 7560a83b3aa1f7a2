//! How many journal rows per second the store makes durable: concurrent submitters, each of
//! which appends one event at a time to one run after another and waits for each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use pathway_server::store::{
    Admission, Admit, Append, NewEvent, NewRun, Offset, RunId, SqliteStore, Status, Store, StoreError,
};
use tokio::task::JoinSet;

const TOPIC: &str = "bench";
const DIGEST: &str = "bench";
const ADMITTED_AT_ONCE: usize = 500;

/// Appends to a store on disk, or in memory.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The data folder; none: in memory.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// How it is loaded.
    #[command(flatten)]
    load: Load,
    /// Rounds, each on new runs.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// How a store is loaded.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Who append at the same time.
    #[arg(long, default_value_t = 256)]
    pub(crate) submitters: usize,
    /// Runs per submitter, one after another.
    #[arg(long, default_value_t = 200)]
    pub(crate) runs: usize,
    /// Events per run, in one append each.
    #[arg(long, default_value_t = 4)]
    pub(crate) events: u32,
    /// Bytes per event.
    #[arg(long, default_value_t = 200)]
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

/// Prints the rate of each round.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), StoreError> {
    let store: Arc<dyn Store> = match &arguments.folder {
        Some(folder) => Arc::new(SqliteStore::open(folder)?),
        None => Arc::new(SqliteStore::in_memory()?),
    };
    for round in 1..=arguments.rounds {
        let rate = append_rate(&store, arguments.load).await?;
        println!("round {round}: {} rows, {:.0} rows/s", rate.rows, rate.per_second());
    }
    Ok(())
}

/// Admits runs, then measures appending to them.
pub(crate) async fn append_rate(store: &Arc<dyn Store>, load: Load) -> Result<Rate, StoreError> {
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
    Ok(Rate { rows: runs.len() * load.events as usize, elapsed: begin.elapsed() })
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
            Admit { topic: TOPIC.into(), partition: 0, from_offset, next_offset, runs: batch.to_vec() };
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
        at: offset,
        started: varied(payload, offset),
        status: Status::Ready,
        outcome: None,
    }
}

/// Bytes that differ from one to the next.
fn varied(length: usize, seed: i64) -> Vec<u8> {
    seed.to_le_bytes().into_iter().cycle().take(length).collect()
}
