//! The runner: turns records into runs, feeds their events to the VM and performs its effects.
//!
//! It owns all that the engine does not: tasks, clocks, slots, connections. One task per run that
//! is under way ([`actor`](self)); what waits for its lane is a row in the store and an entry in
//! memory. Everything that a run did is durable before anything that follows from it is begun.

mod actor;
mod admission;
mod admitted;
mod arrival;
mod asleep;
mod at_once;
mod before;
mod bound;
mod change;
mod claims;
mod course;
mod current;
mod earlier;
mod effects;
mod ending;
mod finish;
mod history;
mod holding;
mod inbox;
mod intake;
mod lanes;
mod launch;
mod mocks;
mod orphans;
mod outgoing;
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

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::Program;
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use pathway_engine::vm::{Effect, Failure, Trace};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::actor::{MAILBOX, Message};
use self::admitted::Admitted;
use self::asleep::Asleep;
use self::before::Before;
use self::current::Current;
pub use self::current::Loaded;
use self::earlier::Earlier;
pub use self::history::history;
use self::holding::Holdings;
use self::inbox::Inbox;
use self::lanes::Lanes;
pub use self::launch::LaunchError;
pub use self::mocks::Mocks;
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
use crate::effects::http::Transport;
use crate::seal::SealKeys;
use crate::standing::Standing;
use crate::store::{Home, Store, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

/// What observers may lag behind before they miss something.
const OBSERVED: usize = 4096;

/// What a runner is made of.
#[derive(Debug)]
pub struct Parts {
    /// The pathways.
    pub program: Program,
    /// Services, topics and limits.
    pub project: Arc<Project>,
    /// Where runs are kept.
    pub store: Arc<dyn Store>,
    /// Where records come from and go to.
    pub bus: Arc<dyn Bus>,
    /// What seals and opens who asked.
    pub keys: SealKeys,
    /// Verifies the tokens that records carry; none: every such record is denied.
    pub vouch: Option<Arc<dyn Vouch>>,
    /// What runs are pinned to.
    pub definition: Definition,
    /// What `${NAME}` stands for, for runs that began with an earlier definition.
    pub variables: Variables,
    /// Answers to give instead of performing effects.
    pub mocks: Option<Mocks>,
    /// Calls services.
    pub transport: Arc<dyn Transport>,
    /// Tells the time.
    pub clock: Clock,
    /// Told of runs that have ended, where spans are sent.
    pub traces: Option<Traces>,
}

/// A running runner.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub enum Observed {
    /// It began.
    Began {
        /// Public id.
        run: String,
        /// Pathway.
        pathway: Arc<str>,
    },
    /// Something happened to a step.
    Step {
        /// Public id.
        run: String,
        /// What.
        trace: Trace,
    },
    /// A step asks for an effect; mind its secrets.
    Asked {
        /// Public id.
        run: String,
        /// What for.
        effect: Effect,
    },
    /// It emitted a value.
    Emitted {
        /// Public id.
        run: String,
        /// What.
        value: Value,
    },
    /// It published a record.
    Published {
        /// Public id.
        run: String,
        /// Logical topic.
        topic: String,
        /// Record value.
        value: Value,
    },
    /// It is over.
    Ended {
        /// Public id.
        run: String,
        /// How.
        outcome: Result<Value, Failure>,
        /// Whether it can be redriven.
        parked: bool,
    },
}

#[derive(Debug)]
struct Inner {
    current: watch::Sender<Arc<Current>>,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    keys: SealKeys,
    vouch: Option<Arc<dyn Vouch>>,
    clock: Clock,
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
            traces,
        } = parts;
        let strained = Arc::<Notify>::default();
        let slots = Slots::default();
        let loaded = Loaded { program, project, variables, mocks: mocks.map(Arc::new) };
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

    /// Lets a run begin when its lane is free.
    fn enter(self: &Arc<Self>, mut run: Admitted) {
        run.queued = self.queue.enter(&run.plan.name);
        let ready = match run.lane.clone() {
            Some(lane) => self.lanes.enter(lane, run),
            None => Some(run),
        };
        if let Some(run) = ready {
            self.begin(run);
        }
    }

    fn begin(self: &Arc<Self>, mut run: Admitted) {
        if self.stop.is_cancelled() {
            return;
        }
        let vm = run.taken_up.then(|| self.replayed(&run));
        if let Some(rest) = vm.as_ref().and_then(|vm| self.rests(&run, vm.as_ref().ok()?)) {
            self.asleep.lay(&run, rest);
            self.inbox.look_at(run.id);
            return;
        }
        // It can be told something from here on, and be called off by whoever called it.
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        self.actors().insert(run.public_id.clone(), mailbox.clone());
        if let Some(woken) = &mut run.woken
            && let Some((rest, called_off)) = self.asleep.leave(&run.public_id)
        {
            (woken.rest, run.called_off) = (Some(rest), called_off);
        }
        self.inbox.look_at(run.id);
        let inner = self.clone();
        self.tasks.spawn(async move {
            let (id, public_id, holding) = (run.id, run.public_id.clone(), run.holding.clone());
            let driving = Box::pin(inner.clone().drive(run, vm, (mailbox.clone(), messages)));
            let driving = async {
                match &holding {
                    Some(holding) => drop(holding.work(driving).await),
                    None => driving.await,
                }
            };
            tokio::select! {
                biased;
                () = inner.kill.cancelled() => {}
                () = driving => {}
            }
            inner.forget_actor(&public_id, &mailbox);
            inner.inbox.look_at(id);
        });
    }

    /// A run is under way no more, unless it has begun again meanwhile.
    fn forget_actor(&self, run: &str, mailbox: &mpsc::Sender<Message>) {
        let mut actors = self.actors();
        if actors.get(run).is_some_and(|known| known.same_channel(mailbox)) {
            actors.remove(run);
        }
    }

    fn actors(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Message>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, observed: impl FnOnce() -> Observed) {
        if self.observers.receiver_count() > 0 {
            // Nobody listens any more: fine.
            let _nobody = self.observers.send(observed());
        }
    }

    fn fatal(&self, reason: &str) {
        tracing::error!(reason, "the runner cannot go on");
        self.failed.send_replace(Some(reason.to_owned()));
        self.stop.cancel();
    }
}
