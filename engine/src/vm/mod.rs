//! The virtual machine: events in, effects out, time passed in.
//!
//! A [`Vm`] is a deterministic state machine over one run of a [`Plan`]; its state is the fold of
//! the run's events, and replaying them gives the same state. It never waits: pure steps are
//! computed to the end within [`Vm::apply`], all else is an [`Effect`] whose outcome comes back
//! as an event.
//!
//! A block that runs is a *frame*, an execution of a step a *task*, a step's `each` a *fan*. What
//! a frame or task has done that can be undone is its *trail*.

mod arena;
mod attempt;
mod cancel;
mod claim;
mod compare;
mod compensation;
mod effect;
mod failure;
mod fan;
mod hash;
mod instance;
mod kept;
mod onto;
mod pieces;
mod portion;
mod recorded;
mod redrive;
mod refusal;
mod replay;
mod restore;
mod schedule;
mod snapshot;
mod start;
mod state;
mod target;
mod trace;
mod trail;
mod undo;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use arena::{Arena, Key};
use state::{Fan, Frame, Phase, Task, Undoing};

pub use claim::Answer as ClaimAnswer;
pub use compare::{Difference, Differs};
pub use compensation::{Compensation, NotUndone};
pub use effect::{Body, Effect, HttpRequest, Instance, Method, Parse, Stream};
pub use failure::{Class, Failure};
pub use hash::RequestHash;
pub use onto::Departure;
pub use pieces::{Picks, Unpicked};
pub use portion::{Portion, PortionError};
pub use recorded::Recorded;
pub use replay::Mismatch;
pub use state::Status;
pub use trace::{Change, Trace};
pub use view::{Extra, Outside};

use crate::Value;
use crate::compile::Plan;
use crate::expression::Now;
use crate::journal::{Event, Kind, Outcome, Performed, Signal};

/// Signals that came before anyone waited for them; more are refused.
const MAILBOX: usize = 1000;

/// Executions that one event may lead to: loops of pure steps must not run for ever.
const EXECUTIONS: u32 = 2_000_000;

/// One run of a plan.
#[derive(Debug)]
pub struct Vm {
    plan: Arc<Plan>,
    /// The project's variables, where they are other than the plan's.
    constants: Option<Arc<[Value]>>,
    context: start::Context,
    now: Now,
    frames: Arena<Frame>,
    tasks: Arena<Task>,
    fans: Arena<Fan>,
    undoings: Arena<Undoing>,
    /// Whether one of them is the run's own.
    undoing_run: bool,
    /// Executions that finished and can be undone.
    finished: u64,
    /// Steps whose dependencies are there.
    ready: VecDeque<(Key<Frame>, u32)>,
    /// Tasks that begin another iteration.
    again: VecDeque<Key<Task>>,
    /// Fans that may begin further items.
    feeding: VecDeque<Key<Fan>>,
    /// Tasks that wait for one of the run's slots.
    queue: VecDeque<Key<Task>>,
    /// Slots taken.
    in_flight: u32,
    /// Effects without an outcome.
    pending: BTreeMap<Instance, Pending>,
    timers: BTreeMap<u64, Timer>,
    /// Claims that are asked for again: what is under way of their tasks rests.
    asking_again: u32,
    /// What rested and goes on.
    released: Vec<Unfinished>,
    next_timer: u64,
    signals: VecDeque<Signal>,
    /// Signals that came with a key: who sent them, and the key.
    keys: BTreeSet<(Option<String>, String)>,
    /// The step that runs alone, if one does.
    only: Option<(Key<Frame>, u32)>,
    /// What the pathway's `on_error` handles.
    failure: Option<Arc<Failure>>,
    /// Whether the last event was a failure that nothing handled: a redrive undoes it.
    undo: bool,
    /// Where the run failed, if it was replayed.
    failed_at: Option<redrive::Point>,
    /// Attempts that executions had by another definition, and which count no more.
    made: BTreeMap<Arc<str>, u32>,
    ended: Option<Result<Value, Failure>>,
    effects: Vec<Effect>,
    /// Executions that may still be begun before the next event.
    budget: u32,
    trace: Option<Vec<Trace>>,
}

/// An effect without an outcome.
#[derive(Debug)]
struct Pending {
    task: Key<Task>,
    effect: Effect,
    /// Whether it is recorded that it was begun.
    sent: bool,
    asked: Asked,
}

/// When an effect was asked for: what it asks for may depend on that.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Asked {
    at: Now,
    /// How often the run had been redriven.
    redriven: u32,
}

/// An effect that is still to be performed, or may have been.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// What.
    pub effect: Effect,
    /// Whether it was begun before: of a step that says `at_most_once`, the outcome is unknown.
    pub sent: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Timer {
    task: Key<Task>,
    alarm: Alarm,
    at: Now,
    /// As in [`Effect::Timer`].
    since: Option<Now>,
}

impl Timer {
    fn effect(&self, timer: u64) -> Effect {
        Effect::Timer { timer, at: self.at, since: self.since }
    }

    /// A deadline begins anew: no time has passed for what is under way.
    fn begin_anew(&mut self, now: Now) {
        if let Alarm::Deadline { span } = self.alarm {
            self.at = now.checked_add(span).unwrap_or(Now::MAX);
            self.since = Some(now);
        }
    }
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Alarm {
    /// A `wait` is over.
    Wake,
    /// The next attempt begins.
    Retry,
    /// The attempt has taken too long.
    Deadline {
        /// How long it may take.
        span: Duration,
    },
}

/// Whether an event meant anything to the run. One that did not need not be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// It changed the state.
    Yes,
    /// It came too late, or was never asked for.
    Ignored,
}

impl Vm {
    /// A run of `plan` that has not begun.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            constants: None,
            context: start::Context::default(),
            now: Now::UNIX_EPOCH,
            frames: Arena::default(),
            tasks: Arena::default(),
            fans: Arena::default(),
            undoings: Arena::default(),
            undoing_run: false,
            finished: 0,
            ready: VecDeque::new(),
            again: VecDeque::new(),
            feeding: VecDeque::new(),
            queue: VecDeque::new(),
            in_flight: 0,
            pending: BTreeMap::new(),
            timers: BTreeMap::new(),
            asking_again: 0,
            released: Vec::new(),
            next_timer: 0,
            signals: VecDeque::new(),
            keys: BTreeSet::new(),
            only: None,
            failure: None,
            undo: false,
            failed_at: None,
            made: BTreeMap::new(),
            ended: None,
            effects: Vec::new(),
            budget: EXECUTIONS,
            trace: None,
        }
    }

    /// Runs with other values of the project's variables, in their order: for tests.
    #[must_use]
    pub fn with_constants(mut self, constants: Arc<[Value]>) -> Self {
        self.constants = Some(constants);
        self
    }

    /// Records from now on what happens to each step.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.trace = Some(Vec::new());
        self
    }

    /// What happened to steps since this was last asked, of a [`Vm::traced`] run.
    pub fn take_trace(&mut self) -> Vec<Trace> {
        self.trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Tells the run of an event; what is to be done now is appended to `effects`.
    pub fn apply(&mut self, event: &Event, effects: &mut Vec<Effect>) -> Applied {
        self.now = self.now.max(event.at);
        self.undo = false;
        let plan = self.plan.clone();
        let applied = match &event.kind {
            // A replay sees to it.
            Kind::Redriven { .. } | Kind::Compacted(_) => Applied::Ignored,
            _ if self.ended.is_some() => Applied::Ignored,
            Kind::Started(started) => self.start_run(&plan, started),
            Kind::Cancelled { reason } if !self.context.is_begun() => {
                self.finish_run(Err(reason.clone()));
                Applied::Yes
            }
            _ if !self.context.is_begun() => Applied::Ignored,
            Kind::Sent { instance, attempt } => self.sent(instance, *attempt),
            Kind::Performed(performed) => self.performed(&plan, performed),
            Kind::Fired { timer } => self.fired(&plan, *timer),
            Kind::Signalled(signal) => self.signalled(&plan, signal),
            Kind::Cancelled { reason } => self.cancelled(&plan, reason),
        };
        self.drive(&plan);
        effects.append(&mut self.effects);
        applied
    }

    /// How the run ended, if it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<Value, Failure>> {
        self.ended.as_ref()
    }

    /// The plan that it runs.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Effects that have no outcome yet: what is to be done after a replay.
    #[must_use]
    pub fn in_flight(&self) -> Vec<Unfinished> {
        let pending = self.pending.values().map(|it| (it.task, it.effect.clone(), it.sent));
        let timers = self.timers.iter().map(|(timer, it)| (it.task, it.effect(*timer), false));
        let all = pending.chain(timers).filter(|(task, effect, _)| !self.rests(*task, effect));
        all.map(|(_, effect, sent)| Unfinished { effect, sent }).collect()
    }

    /// The effect that `instance` waits for.
    #[must_use]
    pub fn pending(&self, instance: &str) -> Option<&Effect> {
        self.pending.get(instance).map(|pending| &pending.effect)
    }

    /// Signals that came before anyone waited for them.
    pub fn mailbox(&self) -> impl Iterator<Item = &Signal> {
        self.signals.iter()
    }

    /// Whether nothing but timers, signals and children is waited for.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.in_flight == 0
    }

    fn sent(&mut self, instance: &str, attempt: u32) -> Applied {
        match self.pending.get_mut(instance) {
            Some(pending) if pending.effect.attempt() == Some(attempt) => {
                pending.sent = true;
                Applied::Yes
            }
            _ => Applied::Ignored,
        }
    }

    fn performed(&mut self, plan: &Plan, performed: &Performed) -> Applied {
        let Some(Pending { task, effect, .. }) = self.pending.get(&performed.instance) else {
            return Applied::Ignored;
        };
        if effect.attempt() != Some(performed.attempt) {
            return Applied::Ignored;
        }
        let (key, is_claim) = (*task, matches!(effect, Effect::Claim { .. }));
        self.pending.remove(&performed.instance);
        if is_claim {
            self.claimed(plan, key, &performed.outcome);
            // Whatever follows from it: a redrive asks again.
            self.undo = self.has_failed();
            return Applied::Yes;
        }
        self.release(key);
        let Some(step) = self.step_of(plan, key) else { return Applied::Ignored };
        let completed = match &performed.outcome {
            Outcome::Answer(value) => step.action.complete(value.clone()),
            Outcome::Failure(failure) => Err(failure.clone()),
        };
        match completed {
            Ok(output) => self.succeeded(plan, key, output),
            Err(failure) => {
                self.attempt_failed(plan, key, failure, performed.emitted);
                self.undo = self.has_failed();
            }
        }
        Applied::Yes
    }

    /// What a task was doing is over; its slot is given back.
    fn release(&mut self, key: Key<Task>) -> Phase {
        let Some(task) = self.tasks.get_mut(key) else { return Phase::Queued };
        let phase = std::mem::replace(&mut task.phase, Phase::Queued);
        if matches!(phase, Phase::Performing(_)) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        phase
    }

    fn fired(&mut self, plan: &Plan, timer: u64) -> Applied {
        let Some(Timer { task, alarm, .. }) = self.timers.remove(&timer) else { return Applied::Ignored };
        match alarm {
            Alarm::Wake => {
                self.release(task);
                self.succeeded(plan, task, Value::from(()));
            }
            Alarm::Retry => {
                self.release(task);
                if let Some(state) = self.tasks.get_mut(task) {
                    state.attempt += 1;
                }
                self.again.push_back(task);
            }
            Alarm::Deadline { .. } => {
                self.timed_out(plan, task);
                self.undo = self.has_failed();
            }
        }
        Applied::Yes
    }

    fn signalled(&mut self, plan: &Plan, signal: &Signal) -> Applied {
        let key = signal.key.clone().map(|key| (signal.from.clone(), key));
        if key.as_ref().is_some_and(|key| self.keys.contains(key)) {
            return Applied::Ignored;
        }
        let waiting = self.pending.iter().find_map(|(instance, pending)| {
            let is_awake = pending.effect.admits(signal) && !self.rests(pending.task, &pending.effect);
            is_awake.then(|| instance.clone())
        });
        match waiting {
            Some(instance) => self.awaited(plan, &instance, signal.payload.clone()),
            None if self.signals.len() < MAILBOX => self.signals.push_back(signal.clone()),
            None => return Applied::Ignored,
        }
        self.keys.extend(key);
        Applied::Yes
    }

    /// What an execution waits for has come.
    fn awaited(&mut self, plan: &Plan, instance: &str, payload: Value) {
        let Some(Pending { task, .. }) = self.pending.remove(instance) else { return };
        self.release(task);
        self.succeeded(plan, task, payload);
    }

    fn cancelled(&mut self, plan: &Plan, reason: &Failure) -> Applied {
        if self.undoing_run {
            return Applied::Ignored;
        }
        self.abort(plan, reason.clone());
        self.undo = self.has_failed();
        Applied::Yes
    }

    /// Does all that can be done without another event.
    fn drive(&mut self, plan: &Plan) {
        self.budget = EXECUTIONS;
        while self.ended.is_none() {
            if self.budget == 0 {
                let message = format!("{EXECUTIONS} steps ran without waiting for anything");
                let failure = Failure::new(Class::Bug, message);
                if self.undoing_run {
                    self.give_up_undoing(failure);
                    break;
                }
                self.abort(plan, failure);
                if self.undoing_run {
                    self.budget = EXECUTIONS;
                }
            } else if let Some((frame, step)) = self.ready.pop_front() {
                self.start_step(plan, frame, step);
            } else if let Some(task) = self.again.pop_front() {
                self.begin(plan, task);
            } else if let Some(fan) = self.feeding.pop_front() {
                self.feed(plan, fan);
            } else if self.in_flight < plan.max_parallel
                && let Some(task) = self.queue.pop_front()
            {
                self.attempt(plan, task);
            } else {
                break;
            }
        }
    }

    fn note(&mut self, instance: impl FnOnce(&Self) -> String, change: Change) {
        if self.trace.is_some() {
            let trace = Trace { at: self.now, instance: instance(self), change };
            self.trace.get_or_insert_default().push(trace);
        }
    }
}
