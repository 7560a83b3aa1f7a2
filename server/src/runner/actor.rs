//! One run: its VM, its journal and what is under way for it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Performed, Started, next_place};
use pathway_engine::vm::{Applied, Class, Effect, Failure, Instance, Vm};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::asleep::{Rest, is_far, only_waits};
use super::change::{Change, GATHER};
use super::compacting::Journal;
use super::drive::Left;
use super::lone::Lone;
use super::order::Order;
use super::slots::{RunSlots, Share};
use super::timers::Timers;
use super::{Admitted, Inner, Observed, needs};
use crate::seal::Secret;
use crate::store::{Status, StatusChange, StoreError};

/// Messages that may wait for a run.
pub(super) const MAILBOX: usize = 256;

/// What a run is told. It is small, since every mailbox has places for many.
#[derive(Debug)]
pub(super) enum Message {
    /// An effect is over; the run's slots were held for it, and still are.
    Performed(Box<Performed>, Option<Arc<Share>>),
    /// A piece of a stream arrived.
    Emitted { instance: Instance, attempt: u32, value: Value },
    /// Something was left for it in the store.
    Told { id: i64, order: Box<Order> },
    /// A claim may be had now that was waited for.
    Ask(Instance),
    /// Whoever called it goes on without it.
    Cancel(Box<Failure>),
}

/// A run under way.
pub(super) struct Actor {
    pub(super) inner: Arc<Inner>,
    pub(super) run: Admitted,
    pub(super) vm: Vm,
    /// The number of the next event.
    pub(super) seq: u32,
    pub(super) journal: Journal,
    /// Rows of the stream in the store and in `stream`.
    pub(super) rows: u32,
    pub(super) slots: Arc<RunSlots>,
    pub(super) token: Option<Arc<Secret>>,
    pub(super) mailbox: mpsc::Sender<Message>,
    pub(super) tasks: JoinSet<()>,
    pub(super) running: HashMap<Instance, AbortHandle>,
    pub(super) lone: Option<Lone>,
    /// Runs that it called and waits for, by their public ids.
    pub(super) called: HashMap<Instance, String>,
    /// Whether it is being taken up after a crash, and with it the runs that it called.
    pub(super) takes_up: bool,
    pub(super) timers: Timers,
    /// What it was told through the store: it may be given again what it has received.
    told: HashSet<i64>,
    /// Instances that have emitted and not been reset since.
    pub(super) heard: BTreeSet<Box<str>>,
    /// Attempts that had emitted before the run was taken up.
    pub(super) cut_off: BTreeSet<(Box<str>, u32)>,
    /// To be committed.
    pub(super) change: Change,
}

impl Actor {
    pub(super) fn new(
        inner: Arc<Inner>,
        mut run: Admitted,
        vm: Vm,
        mailbox: mpsc::Sender<Message>,
    ) -> Box<Self> {
        let plan = run.plan.clone();
        let label: Arc<str> = format!("{} {}", plan.name, run.public_id).into();
        let limits = needs::of(&plan, &run.events);
        let rest = run.woken.as_mut().and_then(|woken| woken.rest.take());
        let (timers, used) = rest.map(|rest| (rest.timers, rest.used)).unwrap_or_default();
        let slots = Arc::new(RunSlots::new(inner.slots.clone(), limits, label, used));
        let token = started(&run.events).and_then(|started| {
            let sealed = inner.open(started.sealed.as_deref()?, &plan, &run.public_id).ok()?;
            sealed.token.map(Secret::new).map(Arc::new)
        });
        Box::new(Self {
            seq: u32::try_from(next_place(&run.events)).unwrap_or(u32::MAX),
            journal: Journal::of(&run, inner.compacting),
            takes_up: run.is_suspect,
            rows: 0,
            inner,
            run,
            vm,
            slots,
            token,
            mailbox,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            lone: None,
            called: HashMap::new(),
            timers,
            told: HashSet::new(),
            heard: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            change: Change::default(),
        })
    }

    /// Whether it has nothing in its journal but its beginning.
    pub(super) const fn is_new(&self) -> bool {
        self.seq == 1
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.run.plan
    }

    /// Runs to the end, or until it may sleep. What it does between two waits is boxed, so that a run
    /// that waits takes little room.
    pub(super) async fn work(
        mut self: Box<Self>,
        mut messages: mpsc::Receiver<Message>,
    ) -> Result<Left, StoreError> {
        let mut over = Box::pin(self.start()).await?;
        loop {
            if let Some(left) = over {
                return Ok(left);
            }
            let next = match self.may_rest() {
                false => {
                    self.run.woken = None;
                    self.next(&mut messages).await
                }
                true => {
                    let awake = Rest::after(self.journal.events, self.is_to_hear());
                    let Ok(next) = tokio::time::timeout(awake, self.next(&mut messages)).await else {
                        // Else it would be woken again for what it could be told by now.
                        if self.inner.inbox.is_to_hear(self.run.id) {
                            continue;
                        }
                        Box::pin(self.commit()).await?;
                        let rest =
                            Rest { timers: std::mem::take(&mut self.timers), used: self.slots.used().0 };
                        self.inner.fall_asleep(&self.run, rest, (&self.mailbox, messages)).await;
                        return Ok(Left::Asleep);
                    };
                    next
                }
            };
            // None: timers came due, or what was emitted has waited long enough.
            let mut batch = Vec::from_iter(next);
            while let Ok(message) = messages.try_recv() {
                batch.push(message);
            }
            over = Box::pin(self.turn(batch)).await?;
        }
    }

    /// Whether it may sleep: nothing is under way for it.
    fn may_rest(&self) -> bool {
        self.is_quiet()
            && self.plan().has_journal()
            && self.inner.may_sleep()
            && is_far(&self.timers)
            && only_waits(&self.vm)
    }

    /// Whether it was woken for something, or something was left for it, that it has not been told yet.
    fn is_to_hear(&self) -> bool {
        self.run.woken.is_some() || self.inner.inbox.is_to_hear(self.run.id)
    }

    /// Begins, or goes on where it was; tells how the run was left, if it is over.
    async fn start(&mut self) -> Result<Option<Left>, StoreError> {
        let share = self.slots.hold().await;
        self.run.queued = None;
        let was_asleep = self.run.woken.is_some();
        // One that was read back may have begun before, and done nothing that was kept.
        if !was_asleep && self.run.events.len() <= 1 {
            self.inner.metrics.runs.began(&self.run.plan.name);
        }
        let run = self.run.public_id.clone();
        let pathway = self.plan().name.clone();
        self.inner.observe(|| Observed::Began { run, pathway });
        if self.run.waits {
            // From here on it is the first of its lane, also after a restart.
            let at = self.inner.clock.millis();
            let status = StatusChange { status: Status::Ready, outcome: None, wake_at: None, at };
            self.commit_with(Some(status)).await?;
        }
        if self.is_at_work() && self.is_looping().await? {
            return self.end(Err(self.crash_loop())).await.map(Some);
        }
        let is_taken_up = self.run.taken_up;
        let mut effects = if is_taken_up { self.again(was_asleep).await? } else { self.first() };
        // From here on only how it started is asked for.
        self.run.events.truncate(1);
        self.run.events.shrink_to_fit();
        if let Some(reason) = self.run.called_off.take() {
            self.tell(Kind::Cancelled { reason }, &mut effects);
            forget_abandoned(&mut effects);
        }
        if is_taken_up {
            self.call_off_abandoned().await?;
        }
        // After that what is under way holds the run's slots.
        let over = self.follow(effects, &share).await?;
        self.rest().await;
        Ok(over)
    }

    /// Tells the VM what came, commits it and begins what follows.
    async fn turn(&mut self, messages: Vec<Message>) -> Result<Option<Left>, StoreError> {
        self.part_with_lone();
        let share = self.slots.hold().await;
        self.run.woken = None;
        if self.is_looping().await? {
            return self.end(Err(self.crash_loop())).await.map(Some);
        }
        let mut effects = Vec::new();
        for message in messages {
            match message {
                Message::Performed(performed, _share) => self.tell(Kind::Performed(*performed), &mut effects),
                Message::Told { id, .. } if !self.told.insert(id) => {}
                Message::Told { id, order } => {
                    self.change.received.push(id);
                    match *order {
                        Order::Cancel(reason) => self.tell(Kind::Cancelled { reason }, &mut effects),
                        Order::Signal(signal) => self.tell(Kind::Signalled(signal), &mut effects),
                        // It is not parked.
                        Order::Redrive(_) | Order::Drop | Order::Rerun(_) => {}
                    }
                }
                Message::Ask(instance) => self.ask_again(&instance, &mut effects),
                Message::Cancel(reason) => self.tell(Kind::Cancelled { reason: *reason }, &mut effects),
                Message::Emitted { instance, attempt, value } => self.emitted(&instance, attempt, value),
            }
        }
        while let Some((timer, due)) = self.timers.take(&self.inner.clock) {
            // By a clock that was set back it is earlier; the run knows better.
            let at = self.inner.clock.now().max(due);
            self.tell_at(at, Kind::Fired { timer }, &mut effects);
        }
        if self.is_late() {
            let message = format!("the run took longer than {:?}", self.plan().timeout);
            self.tell(Kind::Cancelled { reason: Failure::new(Class::Timeout, message) }, &mut effects);
        }
        self.follow(effects, &share).await
    }

    /// Whether the run has taken too long. One that is being undone may take as long as it needs.
    fn is_late(&self) -> bool {
        let goes_on = self.vm.outcome().is_none() && !self.vm.is_undoing();
        goes_on && self.slots.used().0 >= self.plan().timeout
    }

    /// The next message; none when a timer is due, or the run's time is up.
    async fn next(&mut self, messages: &mut mpsc::Receiver<Message>) -> Option<Message> {
        let mut wake: Option<Duration> = self.timers.next();
        let mut sooner = |wait: Duration| wake = Some(wake.map_or(wait, |wake| wake.min(wait)));
        let (used, held) = self.slots.used();
        if held && !self.vm.is_undoing() {
            sooner(self.plan().timeout.saturating_sub(used));
        }
        if let Some(since) = self.change.stream_since {
            sooner(GATHER.saturating_sub(since.elapsed()));
        }
        match wake {
            None => Self::hear(&mut self.lone, messages).await,
            Some(wait) => {
                tokio::time::timeout(wait, Self::hear(&mut self.lone, messages)).await.ok().flatten()
            }
        }
    }

    pub(super) fn tell(&mut self, kind: Kind, effects: &mut Vec<Effect>) {
        self.tell_at(self.inner.clock.now(), kind, effects);
    }

    fn tell_at(&mut self, at: Timestamp, kind: Kind, effects: &mut Vec<Effect>) {
        let event = Event { at, kind };
        if let Kind::Performed(performed) = &event.kind {
            self.running.remove(&performed.instance);
            self.called.remove(&performed.instance);
        }
        if self.vm.apply(&event, effects) == Applied::Yes {
            self.happened(&event);
        }
        self.observe_trace();
        let released = self.vm.take_released();
        self.go_on_with(released, effects);
    }

    pub(super) fn observe_trace(&mut self) {
        for trace in self.vm.take_trace() {
            let run = self.run.public_id.clone();
            self.inner.observe(|| Observed::Step { run, trace });
        }
    }

    /// The first event was recorded at admission.
    fn first(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(event) = self.run.events.first() {
            // Of a run that has just begun every event means something.
            let _applied = self.vm.apply(event, &mut effects);
        }
        self.observe_trace();
        self.give_up(&mut effects);
        effects
    }

    /// Calls a run off that has not begun, if whoever asked waits no longer.
    pub(super) fn give_up(&mut self, effects: &mut Vec<Effect>) {
        if let Some(reason) = super::ending::given_up(&self.run, &self.inner.clock) {
            self.tell(Kind::Cancelled { reason }, effects);
        }
    }

    /// Commits what happened, then begins what follows from it; tells how the run was left, if it
    /// is over.
    async fn follow(
        &mut self,
        mut effects: Vec<Effect>,
        share: &Arc<Share>,
    ) -> Result<Option<Left>, StoreError> {
        loop {
            self.releases(&mut effects);
            if self.vm.outcome().is_some() {
                return self.finish().await.map(Some);
            }
            if self.too_large().is_some() {
                self.compact().await?;
                if let Some(failure) = self.too_large() {
                    return self.end(Err(failure)).await.map(Some);
                }
            }
            // What asks for nothing but a record in the journal is answered at once.
            let (now, later): (Vec<_>, Vec<_>) = effects
                .into_iter()
                .partition(|effect| matches!(effect, Effect::Publish { .. } | Effect::Emit { .. }));
            for effect in now.iter().chain(&later).filter(|effect| effect.attempt().is_some()) {
                let run = &self.run.public_id;
                self.inner.observe(|| Observed::Asked { run: run.clone(), effect: effect.clone() });
            }
            if now.is_empty() && later.is_empty() && self.change.may_wait() {
                return Ok(None);
            }
            if now.is_empty() {
                self.mark_sent(&later);
                self.children(&later);
                let asked = self.claims(&later);
                let taken = self.commit().await?;
                for effect in later {
                    self.perform(effect, share).await?;
                }
                if asked.is_empty() {
                    self.compact().await?;
                    return Ok(None);
                }
                effects = self.answered(asked, taken);
                continue;
            }
            effects = later;
            for effect in now {
                let performed = self.record(&effect);
                if let Some(performed) = performed {
                    self.tell(Kind::Performed(performed), &mut effects);
                }
            }
        }
    }

    /// Calls that say `at_most_once` are recorded before they are made.
    fn mark_sent(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Http { instance, attempt, at_most_once: true, .. } = effect {
                self.tell(Kind::Sent { instance: instance.clone(), attempt: *attempt }, &mut Vec::new());
            }
        }
    }
}

/// Leaves out what is not wanted any more before it was begun.
fn forget_abandoned(effects: &mut Vec<Effect>) {
    let abandoned = effects.iter().filter_map(|effect| match effect {
        Effect::Abandon { instance } => Some(instance.clone()),
        _ => None,
    });
    let abandoned: BTreeSet<Instance> = abandoned.collect();
    effects.retain(|effect| effect.instance().is_none_or(|instance| !abandoned.contains(instance)));
}

pub(super) fn started(events: &[Event]) -> Option<&Started> {
    match &events.first()?.kind {
        Kind::Started(started) => Some(started),
        _ => None,
    }
}
