//! The runner: turns records into runs, feeds their events to the VM and performs its effects.
//!
//! It owns all that the engine does not: tasks, clocks, slots, connections. One task per run that
//! is under way ([`actor`](self)); what waits for its lane is a row in the store and an entry in
//! memory. Everything that a run did is durable before anything that follows from it is begun.

mod actor;
mod admission;
mod admitted;
mod admitting;
mod again;
mod arrival;
mod asker;
mod asleep;
mod at_once;
mod before;
mod begin;
mod bound;
mod change;
mod children;
mod claims;
mod compacting;
mod course;
mod current;
mod deliver;
mod doing;
mod drive;
mod earlier;
mod effects;
mod ending;
mod errand;
mod finish;
mod gate;
mod history;
mod holding;
mod inbox;
mod intake;
mod iterations;
mod lanes;
mod launch;
mod lone;
mod mocks;
mod needs;
mod observed;
mod order;
mod orphans;
mod outgoing;
mod parts;
mod queue;
mod redrive;
mod relay;
mod rerun;
mod resume;
mod retention;
mod slots;
mod story;
mod swap;
mod takeups;
mod timers;
mod tuning;
mod unkept;
mod upstream;
mod vault;
mod vouch;
mod window;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::compile::Program;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::actor::Message;
use self::admitted::Admitted;
use self::asleep::Asleep;
use self::before::Before;
pub use self::compacting::Compacting;
use self::current::Current;
pub use self::current::Loaded;
pub use self::doing::Doing;
use self::earlier::Earlier;
pub use self::history::history;
use self::holding::Holdings;
use self::inbox::Inbox;
use self::lanes::Lanes;
pub use self::launch::LaunchError;
pub use self::mocks::Mocks;
use self::observed::OBSERVED;
pub use self::observed::Observed;
pub use self::order::OrderError;
pub use self::parts::Parts;
use self::queue::Queue;
pub use self::redrive::RedriveError;
pub use self::rerun::{Rerun, RerunError, Version};
pub use self::slots::Slots;
pub use self::story::{Story, Waiting};
pub use self::swap::{Leaving, SwapError};
use self::takeups::Takeups;
pub use self::tuning::{LimitState, TuneError};
pub use self::upstream::Upstreams;
pub use self::vouch::{NotVouched, Vouch};
use crate::bus::{Bus, Truth};
use crate::clock::Clock;
use crate::definition::Definition;
use crate::ids::Ids;
use crate::seal::SealKeys;
use crate::standing::Standing;
use crate::store::{Home, Store, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

/// A running runner.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    current: watch::Sender<Arc<Current>>,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    keys: SealKeys,
    vouch: Option<Arc<dyn Vouch>>,
    clock: Clock,
    ids: Ids,
    slots: Slots,
    upstreams: Upstreams,
    lanes: Lanes,
    earlier: Earlier,
    /// For runs that are redriven.
    room: Arc<Semaphore>,
    queue: Queue,
    /// Told when there is more to do than can be done soon.
    strained: Arc<Notify>,
    /// The topics that are worked on; none: no topic is.
    working: tokio::sync::Mutex<Option<HashMap<String, Truth>>>,
    /// The partitions whose runs are ours, in a store that others share.
    holdings: watch::Sender<Holdings>,
    /// One for each partition that this process has had; no more than there are.
    places: Mutex<HashMap<Home, Arc<tokio::sync::Mutex<()>>>>,
    inbox: Inbox,
    asleep: Asleep,
    /// How the process before ended, where no others share the store.
    before: Before,
    takeups: Takeups,
    compacting: Compacting,
    /// Runs under way, by public id.
    actors: Mutex<HashMap<String, mpsc::Sender<Message>>>,
    observers: broadcast::Sender<Observed>,
    metrics: Metrics,
    traces: Option<Traces>,
    stop: CancellationToken,
    /// Ends tasks that did not stop in time.
    kill: CancellationToken,
    /// Ends the relay once nothing is left to send.
    flush: CancellationToken,
    relays: TaskTracker,
    tasks: TaskTracker,
    failed: watch::Sender<Option<String>>,
}

impl Runner {
    /// Takes up what was under way and begins to admit.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(parts: Parts) -> Result<Self, String> {
        let Parts {
            program,
            project,
            store,
            bus,
            keys,
            vouch,
            definition,
            variables,
            mocks,
            transport,
            clock,
            ids,
            traces,
            compacting,
        } = parts;
        let strained = Arc::<Notify>::default();
        let slots = Slots::default();
        let loaded = Loaded { program, project, variables, mocks };
        swap::configure(&slots, &loaded);
        let upstreams = Upstreams::new(&loaded.project, slots.clone(), transport, clock.clone(), &strained);
        let before = match store.is_shared() {
            true => Before::Ended,
            false => Before::begin(&*store, None).await.map_err(|error| error.to_string())?,
        };
        let takeups = Takeups::new(&store);
        let metrics = Metrics::new(&loaded.program);
        let inner = Arc::new(Inner {
            queue: Queue::new(&loaded.program, strained.clone()),
            strained,
            current: watch::Sender::new(Arc::new(Current::new(loaded))),
            store,
            bus,
            keys,
            vouch,
            clock,
            ids,
            slots,
            upstreams,
            lanes: Lanes::default(),
            earlier: Earlier::default(),
            room: Arc::new(Semaphore::new(redrive::ROOM)),
            working: tokio::sync::Mutex::default(),
            holdings: watch::Sender::default(),
            places: Mutex::default(),
            inbox: Inbox::default(),
            asleep: Asleep::default(),
            before,
            takeups,
            compacting,
            actors: Mutex::default(),
            observers: broadcast::Sender::new(OBSERVED),
            metrics,
            traces,
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            flush: CancellationToken::new(),
            relays: TaskTracker::new(),
            tasks: TaskTracker::new(),
            failed: watch::Sender::new(None),
        });
        let current = inner.current();
        inner.define(&current.loaded.program, &definition).await.map_err(|error| error.to_string())?;
        // Where others share the store, runs are taken up with their partitions.
        if !inner.store.is_shared() {
            inner.resume(None, before).await.map_err(|error| error.to_string())?;
        }
        inner.tasks.spawn(inner.clone().deliver());
        inner.tasks.spawn(inner.clone().wake());
        Ok(Self { inner })
    }

    /// Begins to admit from the topics of all pathways.
    pub fn consume(&self) {
        self.inner.tasks.spawn(self.inner.clone().consume());
        let relay = self.inner.clone().relay();
        let kill = self.inner.kill.clone();
        self.inner.relays.spawn(async move { kill.run_until_cancelled(relay).await });
    }

    /// Everything that happens from now on.
    #[must_use]
    pub fn observe(&self) -> broadcast::Receiver<Observed> {
        self.inner.observers.subscribe()
    }

    /// All slots.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        &self.inner.slots
    }

    /// All services.
    #[must_use]
    pub fn upstreams(&self) -> &Upstreams {
        &self.inner.upstreams
    }

    /// Runs of `pathway` that wait to begin.
    #[must_use]
    pub fn queued(&self, pathway: &str) -> usize {
        self.inner.queue.len(pathway)
    }

    /// Runs under way, without those that sleep.
    #[must_use]
    pub fn active(&self) -> usize {
        self.inner.actors().len()
    }

    /// Runs that wait for nothing but a signal or a time that is not near.
    #[must_use]
    pub fn asleep(&self) -> usize {
        self.inner.asleep.len()
    }

    /// What was counted and measured.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Who is told of runs that have ended; none where no spans are sent.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.inner.traces.as_ref()
    }

    /// The topics that pathways listen to, by their real names.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.inner.current().topics()
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// How busy it is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let long = self.inner.queue.long().into_iter().map(|(name, count)| (name.to_string(), count));
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let open = self.inner.upstreams.open().into_iter().map(|(name, wait)| (name, millis(wait)));
        Standing { queued: long.collect(), open: open.collect() }
    }

    /// Ready when it may have become busy. For one task.
    pub async fn strained(&self) {
        self.inner.strained.notified().await;
    }

    /// The partitions whose runs are this process's, where others share the store.
    #[must_use]
    pub fn homes(&self) -> Vec<Home> {
        self.inner.holdings.borrow().keys().cloned().collect()
    }

    /// Ready when [`Runner::homes`] are others than before.
    pub async fn homes_changed(&self, before: &[Home]) {
        let mut holdings = self.inner.holdings.subscribe();
        // It lives as long as we do.
        let _changed = holdings.wait_for(|holdings| !holdings.keys().eq(before)).await;
    }

    /// Ready with the reason when the runner cannot go on; the process is to stop.
    pub async fn failed(&self) -> String {
        let mut failed = self.inner.failed.subscribe();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Stops: no more records are read, runs that end within `grace` end, and the rest is left to
    /// the journal.
    pub async fn stop(&self, grace: Duration) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.relays.close();
        let ended = async {
            self.inner.tasks.wait().await;
            self.inner.flush.cancel();
            self.inner.relays.wait().await;
        };
        if tokio::time::timeout(grace, ended).await.is_err() {
            self.inner.kill.cancel();
            self.inner.tasks.wait().await;
            self.inner.relays.wait().await;
        }
        self.inner.end_all_work().await;
    }
}

impl Inner {
    /// Keeps the definitions: runs are pinned to them.
    async fn define(&self, program: &Program, definition: &Definition) -> Result<(), StoreError> {
        let text = serde_json::to_string(definition).unwrap_or_default();
        for plan in program.pathways.values() {
            self.store.define(&plan.digest, &text).await?;
        }
        Ok(())
    }

    fn fatal(&self, reason: &str) {
        tracing::error!(reason, "the runner cannot go on");
        self.failed.send_replace(Some(reason.to_owned()));
        self.stop.cancel();
    }
}
