//! Drives a lone run to its end and shows a watcher what happens.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use pathway_engine::Value;
use pathway_engine::expression::Variables;
use pathway_engine::journal::Principal;
use pathway_engine::vm::{Class, Failure as RunFailure};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::super::target::Target;
use super::super::{Exit, Failure};
use super::internal;
use crate::bus::EmbeddedBus;
use crate::clock::Clock;
use crate::definition::Definition;
use crate::effects::http::HttpClient;
use crate::ids::Ids;
use crate::runner::{Compacting, Mocks, Observed, Parts, Runner};
use crate::seal::SealKey;
use crate::store::{SqliteStore, Store};

/// How often what is running is drawn anew.
const TICK: Duration = Duration::from_millis(100);
/// How long the rest may take to stop after the run's end.
const GRACE: Duration = Duration::from_millis(500);

/// What is to be run.
pub(super) struct Lone<'a> {
    pub(super) target: &'a Target,
    pub(super) input: Value,
    pub(super) principal: Option<Principal>,
    pub(super) mocks: Option<Arc<Mocks>>,
}

/// How it ended.
pub(super) enum Ended {
    /// The run is over.
    Over { outcome: Result<Value, RunFailure>, parked: bool },
    /// Whoever watched it left twice.
    Left,
}

/// Whoever watches a run.
pub(super) trait Watcher {
    /// Something happened.
    fn see(&mut self, observed: &Observed) -> io::Result<()>;
    /// So much happened that some of it was not seen.
    fn missed(&mut self, count: u64) -> io::Result<()>;
    /// Time goes by.
    fn tick(&mut self) -> io::Result<()>;
    /// Ctrl-C was pressed for the first time.
    fn interrupted(&mut self) -> io::Result<()>;
    /// There is nothing more to see.
    fn end(&mut self) -> io::Result<()>;
}

/// Runs it to the end.
pub(super) fn drive(lone: &Lone<'_>, watcher: &mut dyn Watcher) -> Result<Ended, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(internal)?;
    let ended = runtime.block_on(async {
        let ended = watch(lone, watcher).await;
        watcher.end()?;
        ended
    });
    // An upstream that hangs holds nobody up.
    runtime.shutdown_background();
    ended
}

async fn watch(lone: &Lone<'_>, watcher: &mut dyn Watcher) -> Result<Ended, Failure> {
    let mut interrupts = interrupts();
    let runner = start(lone).await?;
    let mut observed = runner.observe();
    let id = runner.launch(&lone.target.plan.name, &lone.input, lone.principal.clone()).await;
    let id = id.map_err(internal)?;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let failed = runner.failed();
    tokio::pin!(failed);
    let mut is_interrupted = false;
    loop {
        tokio::select! {
            seen = observed.recv() => match seen {
                Ok(Observed::Ended { run, outcome, parked }) if run == id => {
                    // The runs that it called tell of their end after they told it.
                    runner.stop(GRACE).await;
                    while let Ok(seen) = observed.try_recv() {
                        watcher.see(&seen)?;
                    }
                    watcher.see(&Observed::Ended { run, outcome: outcome.clone(), parked })?;
                    return Ok(Ended::Over { outcome, parked });
                }
                Ok(seen) => watcher.see(&seen)?,
                Err(RecvError::Lagged(count)) => watcher.missed(count)?,
                Err(RecvError::Closed) => return Err(internal("the run left no outcome")),
            },
            Some(()) = interrupts.recv() => {
                if is_interrupted {
                    return Ok(Ended::Left);
                }
                is_interrupted = true;
                watcher.interrupted()?;
                let reason = RunFailure::new(Class::Cancelled, "called off with Ctrl-C");
                if !runner.cancel(&id, reason).await.map_err(internal)? {
                    return Ok(Ended::Left);
                }
            }
            _ = ticks.tick() => watcher.tick()?,
            reason = &mut failed => return Err(Failure::new(Exit::Internal, reason)),
        }
    }
}

async fn start(lone: &Lone<'_>) -> Result<Runner, Failure> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().map_err(internal)?);
    let parts = Parts {
        program: lone.target.program.clone(),
        project: Arc::new(lone.target.config.project.clone()),
        bus: Arc::new(EmbeddedBus::new(store.clone())),
        store,
        keys: SealKey::generate().map_err(internal)?.into(),
        definition: Definition::default(),
        variables: Variables::new(),
        vouch: None,
        mocks: lone.mocks.clone(),
        transport: Arc::new(HttpClient::new().map_err(internal)?),
        clock: Clock::system(),
        ids: Ids::system(),
        traces: None,
        compacting: Compacting::default(),
    };
    Runner::start(parts).await.map_err(internal)
}

/// Each Ctrl-C from now on.
fn interrupts() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(2);
    // Looked at once, it has taken the signal over from the system, which would end the process.
    let mut next = Box::pin(tokio::signal::ctrl_c());
    let mut pressed = next.as_mut().now_or_never();
    tokio::spawn(async move {
        loop {
            let came = match pressed.take() {
                Some(came) => came,
                None => next.as_mut().await,
            };
            if came.is_err() || sender.send(()).await.is_err() {
                return;
            }
            next.set(tokio::signal::ctrl_c());
        }
    });
    receiver
}
