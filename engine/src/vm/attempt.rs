//! Attempts of a step: begun, asked of the outside, repeated, given up.

use std::sync::Arc;
use std::time::Duration;

use super::arena::Key;
use super::state::{Phase, Task, Then};
use super::{Alarm, Asked, Change, Class, Effect, Failure, Instance, Pending, Timer, Vm};
use crate::Value;
use crate::compile::{OnError, Plan, Step};
use crate::expression::Now;
use crate::steps::{Begun, Kind, Request};

/// The seed of a run whose pauses are as long as they may be: of one that is tested.
const NO_JITTER: u64 = 0;

impl Vm {
    /// Begins an attempt, when one of the run's slots is free and nobody waits for it longer.
    pub(super) fn begin(&mut self, plan: &Plan, key: Key<Task>) {
        let Some(step) = self.step_of(plan, key) else { return };
        let is_full = self.in_flight >= plan.max_parallel || !self.queue.is_empty();
        if step.action.kind() == Kind::Effect && is_full {
            if let Some(task) = self.tasks.get_mut(key) {
                task.phase = Phase::Queued;
            }
            self.queue.push_back(key);
        } else {
            self.attempt(plan, key);
        }
    }

    pub(super) fn attempt(&mut self, plan: &Plan, key: Key<Task>) {
        let Some(step) = self.step_of(plan, key) else { return };
        self.budget = self.budget.saturating_sub(1);
        let now = self.now;
        let made = self.made_before(key);
        let Some(task) = self.tasks.get_mut(key) else { return };
        if let Some(made) = made {
            (task.before, task.attempt) = (made, made + 1);
        }
        let attempt = task.attempt;
        if attempt == task.before + 1 {
            task.since = now;
        }
        self.note(|vm| vm.instance_of(key), Change::Begun { attempt });
        match step.action.begin(&self.view_of(key)) {
            Ok(Begun::Done(output) | Begun::Return(output)) => self.succeeded(plan, key, output),
            Ok(Begun::Ask(request)) => self.ask(plan, step, key, request),
            Ok(Begun::Enter(n)) => {
                if let Some(timeout) = step.timeout {
                    self.set_deadline(key, timeout);
                }
                if step.blocks.len() > 1 {
                    self.note(|vm| vm.instance_of(key), Change::Chose { block: n });
                }
                match step.blocks.get(n) {
                    Some(block) => self.enter(plan, *block, key, Phase::Block),
                    None => self.succeeded(plan, key, Value::from(())),
                }
            }
            Err(failure) => self.attempt_failed(plan, key, failure, false),
        }
    }

    fn ask(&mut self, plan: &Plan, step: &Step, key: Key<Task>, request: Request) {
        let instance: Instance = self.instance_of(key).into();
        let attempt = self.tasks.get(key).map_or(1, |task| task.attempt);
        let (effect, timeout) = match request.effect(step, &instance, attempt) {
            Err(Sleep { at, since }) => {
                if let Some(timeout) = step.timeout {
                    self.set_deadline(key, timeout);
                }
                let timer = self.set_timer(key, Alarm::Wake, at, since);
                return self.enter_phase(key, Phase::Sleeping(timer));
            }
            Ok(asked) => asked,
        };
        if matches!(effect, Effect::Await { .. })
            && let Some(n) = self.signals.iter().position(|signal| effect.admits(signal))
            && let Some(signal) = self.signals.remove(n)
        {
            return self.succeeded(plan, key, signal.payload);
        }
        if let Some(timeout) = timeout {
            self.set_deadline(key, timeout);
        }
        if step.action.kind() == Kind::Effect {
            self.in_flight += 1;
            self.enter_phase(key, Phase::Performing(instance.clone()));
        } else {
            self.enter_phase(key, Phase::Suspended(instance.clone()));
        }
        self.push(key, effect.clone());
        let asked = self.asked();
        self.pending.insert(instance, Pending { task: key, effect, sent: false, asked });
    }

    pub(super) fn asked(&self) -> Asked {
        Asked { at: self.now, redriven: self.context.redrives() }
    }

    pub(super) fn enter_phase(&mut self, key: Key<Task>, phase: Phase) {
        if let Some(task) = self.tasks.get_mut(key) {
            task.phase = phase;
        }
    }

    pub(super) fn set_timer(&mut self, task: Key<Task>, alarm: Alarm, at: Now, since: Option<Now>) -> u64 {
        let timer = self.next_timer;
        self.next_timer += 1;
        let set = Timer { task, alarm, at, since };
        self.timers.insert(timer, set);
        self.push(task, set.effect(timer));
        timer
    }

    fn set_deadline(&mut self, key: Key<Task>, timeout: Duration) {
        let at = self.now.checked_add(timeout).unwrap_or(Now::MAX);
        let timer = self.set_timer(key, Alarm::Deadline { span: timeout }, at, Some(self.now));
        if let Some(task) = self.tasks.get_mut(key) {
            task.deadline = Some(timer);
        }
    }

    pub(super) fn clear_deadline(&mut self, key: Key<Task>) {
        if let Some(timer) = self.tasks.get_mut(key).and_then(|task| task.deadline.take()) {
            self.timers.remove(&timer);
        }
    }

    /// An attempt has its output.
    pub(super) fn succeeded(&mut self, plan: &Plan, key: Key<Task>, output: Value) {
        self.clear_deadline(key);
        let Some(step) = self.step_of(plan, key) else { return };
        self.leave_mark(step, key, &output);
        let Some(repeat) = &step.repeat else { return self.conclude(plan, key, output) };
        let iteration = match self.tasks.get_mut(key) {
            Some(task) => {
                task.last = output.clone();
                task.iteration
            }
            None => return,
        };
        match repeat.test.test(&self.view_of(key)) {
            Ok(false) => self.conclude(plan, key, output),
            Ok(true) if iteration >= repeat.limit => {
                let message = format!("`while` still holds after {} runs", repeat.limit);
                self.give_up_or_handle(plan, key, Failure::new(Class::Timeout, message));
            }
            Ok(true) => {
                if let Some(task) = self.tasks.get_mut(key) {
                    task.iteration += 1;
                    task.attempt = 1;
                    task.before = 0;
                    task.error = None;
                }
                self.again.push_back(key);
            }
            Err(error) => self.give_up_or_handle(plan, key, error.into()),
        }
    }

    /// The task is over with an output.
    pub(super) fn conclude(&mut self, plan: &Plan, key: Key<Task>, output: Value) {
        self.leave_claim(key, true);
        if let Some(task) = self.tasks.get(key)
            && task.fan.is_some()
        {
            return self.finish_item(plan, key, output);
        }
        if let Some(task) = self.remove_task(key) {
            self.finish_step(plan, task.frame, task.step, output);
        }
    }

    /// An attempt failed; `emitted` says whether the caller was told a part of its output.
    pub(super) fn attempt_failed(
        &mut self,
        plan: &Plan,
        key: Key<Task>,
        mut failure: Failure,
        emitted: bool,
    ) {
        self.clear_deadline(key);
        let Some(step) = self.step_of(plan, key) else { return };
        let instance = self.instance_of(key);
        let Some(task) = self.tasks.get_mut(key) else { return };
        if failure.step.is_none() {
            failure.step = Some(instance.clone());
            failure.attempts = task.attempt;
        }
        let (attempt, before, since) = (task.attempt, task.before, task.since);
        task.error = Some(Arc::new(failure.clone()));
        match self.next_attempt(step, &instance, (attempt, before), since, &failure, emitted) {
            Some(at) => {
                if self.trace.is_some() {
                    let change = Change::Retrying { attempt, at, failure: failure.clone() };
                    self.note(|_| instance, change);
                }
                let earlier = self.tasks.get(key).map_or(0, |task| task.earlier);
                self.undo_task(plan, key, earlier, failure, Then::Retry(key, at));
            }
            None => self.give_up_or_handle(plan, key, failure),
        }
    }

    /// When the next attempt begins; none: there is no further one.
    fn next_attempt(
        &self,
        step: &Step,
        instance: &str,
        (attempt, before): (u32, u32),
        since: Now,
        failure: &Failure,
        emitted: bool,
    ) -> Option<Now> {
        let retry = step.retry.as_ref()?;
        let made = attempt.saturating_sub(before);
        if made >= retry.attempts || !retry.covers(failure) || (emitted && !retry.restart) {
            return None;
        }
        // Only an answer tells that the call was not carried out, or was and failed.
        if step.at_most_once && failure.status.is_none() {
            return None;
        }
        let asked = Duration::from_millis(failure.retry_after.unwrap_or(0));
        let pause = retry.pause(made, random(self.context.seed, instance, attempt)).max(asked);
        let at = self.now.checked_add(pause).ok()?;
        let in_time = |total| since.checked_add(total).is_ok_and(|end| at <= end);
        retry.total.is_none_or(in_time).then_some(at)
    }

    /// No further attempt: the step's `on_error` handles it, or it has failed.
    fn give_up_or_handle(&mut self, plan: &Plan, key: Key<Task>, failure: Failure) {
        let Some(step) = self.step_of(plan, key) else { return };
        match step.on_error {
            Some(OnError::Continue) => {
                if self.trace.is_some() {
                    let change = Change::Failed { failure: failure.clone() };
                    self.note(|vm| vm.instance_of(key), change);
                }
                self.undo_task(plan, key, 0, failure, Then::Handle(key));
            }
            Some(OnError::Block(_)) => self.undo_task(plan, key, 0, failure, Then::Handle(key)),
            None => self.give_up(plan, key, failure),
        }
    }

    /// The step's `on_error` handles its failure.
    pub(super) fn handle(&mut self, plan: &Plan, key: Key<Task>, failure: Failure) {
        let Some(step) = self.step_of(plan, key) else { return };
        if let Some(OnError::Block(block)) = step.on_error {
            if let Some(task) = self.tasks.get_mut(key) {
                task.error = Some(Arc::new(failure));
            }
            self.enter(plan, block, key, Phase::Handling);
        } else {
            // Nothing has made up for it.
            self.leave_claim(key, false);
            self.conclude(plan, key, Value::from(()));
        }
    }

    /// The task has failed.
    pub(super) fn give_up(&mut self, plan: &Plan, key: Key<Task>, failure: Failure) {
        self.leave_claim(key, false);
        if self.tasks.get(key).is_some_and(|task| task.fan.is_some()) {
            return self.fail_item(plan, key, failure);
        }
        if let Some(task) = self.remove_task(key) {
            self.fail_step(plan, task.frame, task.step, failure);
        }
    }

    /// The present attempt has taken too long.
    pub(super) fn timed_out(&mut self, plan: &Plan, key: Key<Task>) {
        self.stop_attempt(key);
        let Some(step) = self.step_of(plan, key) else { return };
        let message = match step.timeout {
            Some(timeout) => format!("step `{}` took longer than {timeout:?}", step.path),
            None => format!("step `{}` waited too long", step.path),
        };
        self.attempt_failed(plan, key, Failure::new(Class::Timeout, message), false);
    }
}

/// A request that is for time to pass, which is no effect.
pub(super) struct Sleep {
    at: Now,
    since: Option<Now>,
}

impl Request {
    /// The effect that a step asks for so, and how long the run waits for it.
    pub(super) fn effect(
        self,
        step: &Step,
        instance: &Instance,
        attempt: u32,
    ) -> Result<(Effect, Option<Duration>), Sleep> {
        let instance = instance.clone();
        Ok(match self {
            Self::Sleep { at, since } => return Err(Sleep { at, since }),
            Self::Await { name, from, timeout } => {
                let timeout = [timeout, step.timeout].into_iter().flatten().min();
                (Effect::Await { instance, attempt, name, from }, timeout)
            }
            Self::Http(mut request) => {
                request.timeout = step.timeout;
                let (request, at_most_once, retry) =
                    (Arc::new(request), step.at_most_once, step.retry.clone());
                (Effect::Http { instance, attempt, request, at_most_once, retry }, None)
            }
            Self::Publish { topic, key, value, headers } => {
                (Effect::Publish { instance, attempt, topic, key, value, headers }, None)
            }
            Self::Emit(value) => (Effect::Emit { instance, attempt, value }, None),
            Self::Child { pathway, input } => {
                (Effect::Child { instance, attempt, pathway, input }, step.timeout)
            }
        })
    }
}

/// A number from 0 to 1 that depends on nothing but its arguments.
fn random(seed: u64, instance: &str, attempt: u32) -> f64 {
    if seed == NO_JITTER {
        return 0.0;
    }
    // FNV-1a over the name, then the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    let name = instance.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut z = seed ^ name.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let fraction = (z >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}
