//! `once`: before a step begins its key is claimed, and of all runs that claim it one does the step.
//!
//! The claim is an effect like others. It is the run's until the step is over, and is given back then:
//! as done, which it stays, or for others to have. What is undone later is not done any more (see
//! [`super::undo`]). A run that was parked has given all back; when it goes on it asks again for what it
//! had, and what was under way of the step rests until that is answered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::arena::Key;
use super::state::{Phase, Status, Task};
use super::trail::{Claimed, Claims};
use super::{Change, Class, Effect, Failure, Instance, Pending, Unfinished, Vm};
use crate::Value;
use crate::compile::{Plan, Step};
use crate::expression::{self, Expression, Scope};
use crate::journal::Outcome;
use crate::value::with_field;

/// The longest key, in bytes: it is kept for long, and many are.
const LONGEST: usize = 1024;

/// What the name of an execution ends in, where it is that of its claim.
const MARK: char = '?';

/// What a claim is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The run is to do it.
    Granted,
    /// It was done.
    Done {
        /// Public id of the run that did it, if it is known still.
        by: Option<String>,
    },
}

impl Answer {
    const DONE_BY: &str = "done_by";

    /// As the journal has it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let granted = Value::from_pairs([("granted", Value::from(matches!(self, Self::Granted)))]);
        match self {
            Self::Done { by: Some(by) } => with_field(&granted, Self::DONE_BY, Value::from(by.as_str())),
            _ => granted,
        }
    }

    fn of(value: &Value) -> Self {
        let get = |name: &str| value.get_attr(name).unwrap_or_default();
        match get("granted").is_true() {
            true => Self::Granted,
            false => Self::Done { by: get(Self::DONE_BY).as_str().map(str::to_owned) },
        }
    }
}

/// A task's claim.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claim {
    /// What asks for it.
    pub(super) instance: Instance,
    pub(super) step: Arc<str>,
    pub(super) key: Arc<str>,
    pub(super) standing: Standing,
}

impl Claim {
    /// What asks for it.
    pub(super) fn effect(&self, attempt: u32) -> (Instance, Effect) {
        let Self { instance, step, key, .. } = self;
        let (step, key) = (step.clone(), key.clone());
        (instance.clone(), Effect::Claim { instance: instance.clone(), attempt, step, key })
    }
}

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// Asked for; nothing of the task was begun.
    Asked,
    /// The run's.
    Own,
    /// Asked for again, and what was begun of the task rests.
    AskedAgain,
}

impl Vm {
    /// Begins a task, once its key is claimed if its step has one.
    pub(super) fn claim(&mut self, plan: &Plan, key: Key<Task>) {
        let Some(step) = self.step_of(plan, key) else { return };
        let Some(once) = &step.once else { return self.begin(plan, key) };
        match key_of(once, &self.view_of(key)) {
            Ok(None) => self.begin(plan, key),
            Ok(Some(claimed)) => self.ask_claim(step, key, claimed.into()),
            Err(failure) => self.give_up(plan, key, failure),
        }
    }

    fn ask_claim(&mut self, step: &Step, key: Key<Task>, claimed: Arc<str>) {
        self.budget = self.budget.saturating_sub(1);
        let instance: Instance = format!("{}{MARK}", self.instance_of(key)).into();
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.phase = Phase::Suspended(instance.clone());
        task.claim = Some(Box::new(Claim {
            instance,
            step: step.path.clone(),
            key: claimed,
            standing: Standing::Asked,
        }));
        if let Some(effect) = self.pend_claim(key) {
            self.push(key, effect);
        }
    }

    /// Makes a task's claim one that has no answer.
    fn pend_claim(&mut self, key: Key<Task>) -> Option<Effect> {
        let task = self.tasks.get(key)?;
        let (instance, effect) = task.claim.as_deref()?.effect(task.attempt);
        let asked = self.asked();
        self.pending.insert(instance, Pending { task: key, effect: effect.clone(), sent: false, asked });
        Some(effect)
    }

    /// A task's claim is answered.
    pub(super) fn claimed(&mut self, plan: &Plan, key: Key<Task>, outcome: &Outcome) {
        let claim = self.tasks.get(key).and_then(|task| task.claim.as_deref());
        let Some(is_again) = claim.map(|claim| claim.standing == Standing::AskedAgain) else { return };
        if !is_again {
            self.release(key);
        }
        match outcome {
            Outcome::Answer(value) => match Answer::of(value) {
                Answer::Granted => {
                    self.own(key);
                    match is_again {
                        true => self.go_on_within(plan, key),
                        false => self.begin(plan, key),
                    }
                }
                Answer::Done { .. } => self.pass_over(plan, key),
            },
            Outcome::Failure(failure) => {
                self.stop_attempt(key);
                self.clear_deadline(key);
                self.own(key);
                self.give_up(plan, key, failure.clone());
            }
        }
    }

    /// A task's claim is asked for no longer.
    fn own(&mut self, key: Key<Task>) {
        let claim = self.tasks.get_mut(key).and_then(|task| task.claim.as_deref_mut());
        let Some(claim) = claim else { return };
        if std::mem::replace(&mut claim.standing, Standing::Own) == Standing::AskedAgain {
            self.asking_again = self.asking_again.saturating_sub(1);
        }
    }

    /// A task is left out: another run has done it.
    fn pass_over(&mut self, plan: &Plan, key: Key<Task>) {
        self.stop_attempt(key);
        self.clear_deadline(key);
        self.own(key);
        if let Some(task) = self.tasks.get_mut(key) {
            task.claim = None;
        }
        self.note(|vm| vm.instance_of(key), Change::Skipped);
        let none = Value::from(());
        if self.tasks.get(key).is_some_and(|task| task.fan.is_some()) {
            self.settle_item(plan, key, none);
        } else if let Some(task) = self.remove_task(key) {
            self.settle_step(plan, task.frame, task.step, Status::Skipped, none);
        }
    }

    /// A task is over and gives its claim back, if it has one: as done, or for others.
    pub(super) fn leave_claim(&mut self, key: Key<Task>, done: bool) {
        let claim = self.tasks.get(key).and_then(|task| task.claim.as_deref());
        let Some(instance) = claim.map(|claim| claim.instance.clone()) else { return };
        if let Some(Pending { effect, .. }) = self.pending.remove(&instance) {
            self.abandon(key, &effect);
        }
        self.own(key);
        let Some(task) = self.tasks.get_mut(key) else { return };
        let Some(claim) = task.claim.take() else { return };
        let Claim { step, key: claimed, .. } = *claim;
        // What it has done is undone before others do it.
        let keeps = !done && task.trail.has_anything_done();
        if done || keeps {
            let number = self.finished;
            self.finished += 1;
            let (instance, step, key) = (instance.clone(), step.clone(), claimed.clone());
            let execution = instance.strip_suffix(MARK).unwrap_or_default().to_owned();
            let claimed = Claimed { number, instance, step, key, done, undone: false };
            task.trail.claimed(&execution, claimed);
        }
        if !keeps {
            self.effects.push(Effect::Release { instance, step, key: claimed, done });
        }
    }

    /// Gives back what a scope had claimed that is undone now.
    pub(super) fn forget_claims(&mut self, claims: Claims) {
        self.effects.extend(claims.into_free().map(|claimed| {
            let Claimed { instance, step, key, .. } = claimed;
            Effect::Release { instance, step, key, done: false }
        }));
    }

    /// After a run was parked: asks again for all that it had claimed.
    pub(super) fn ask_again(&mut self) {
        let is_own = |task: &Task| task.claim.as_ref().is_some_and(|claim| claim.standing == Standing::Own);
        let own: Vec<_> = self.tasks.iter().filter(|(_, task)| is_own(task)).map(|(key, _)| key).collect();
        for key in own {
            if let Some(claim) = self.tasks.get_mut(key).and_then(|task| task.claim.as_deref_mut()) {
                claim.standing = Standing::AskedAgain;
                self.asking_again += 1;
            }
            self.pend_claim(key);
        }
    }

    /// Asks for an effect of a task, unless that rests.
    pub(super) fn push(&mut self, key: Key<Task>, effect: Effect) {
        if !self.rests(key, &effect) {
            self.effects.push(effect);
        }
    }

    /// An effect of a task is no longer wanted; one that rests was not asked for.
    pub(super) fn abandon(&mut self, key: Key<Task>, effect: &Effect) {
        if let Some(instance) = effect.instance()
            && !self.rests(key, effect)
        {
            self.effects.push(Effect::Abandon { instance: instance.clone() });
        }
    }

    /// Whether an effect of a task rests, because a claim is asked for again.
    pub(super) fn rests(&self, key: Key<Task>, effect: &Effect) -> bool {
        if self.asking_again == 0 {
            return false;
        }
        let is_again =
            |task: &Task| task.claim.as_ref().is_some_and(|claim| claim.standing == Standing::AskedAgain);
        // The claim itself does not rest, but for those around it.
        let within = usize::from(matches!(effect, Effect::Claim { .. }));
        self.around(key).skip(within).any(|key| self.tasks.get(key).is_some_and(is_again))
    }

    /// A task, and those whose blocks are around it.
    fn around(&self, key: Key<Task>) -> impl Iterator<Item = Key<Task>> {
        std::iter::successors(Some(key), |key| {
            let task = self.tasks.get(*key)?;
            self.frames.get(task.frame)?.owner
        })
    }

    /// What rested of a task goes on, but for what another claim is asked for again.
    fn go_on_within(&mut self, plan: &Plan, key: Key<Task>) {
        let is_within = |task: Key<Task>| self.around(task).any(|around| around == key);
        let goes_on = |task: Key<Task>, effect: &Effect| is_within(task) && !self.rests(task, effect);
        let pending = self.pending.iter().filter(|(_, it)| goes_on(it.task, &it.effect));
        let pending: Vec<_> = pending.map(|(instance, _)| instance.clone()).collect();
        let timers = self.timers.iter().filter(|(timer, it)| goes_on(it.task, &it.effect(**timer)));
        let timers: Vec<_> = timers.map(|(timer, _)| *timer).collect();
        for timer in timers {
            let now = self.now;
            let Some(state) = self.timers.get_mut(&timer) else { continue };
            state.begin_anew(now);
            let effect = state.effect(timer);
            self.released.push(Unfinished { effect, sent: false });
        }
        for instance in pending {
            let Some(Pending { effect, sent, .. }) = self.pending.get(&instance) else { continue };
            // The signal may have come meanwhile.
            match self.signals.iter().position(|signal| effect.admits(signal)) {
                Some(n) => {
                    let Some(signal) = self.signals.remove(n) else { continue };
                    self.awaited(plan, &instance, signal.payload);
                }
                None => self.released.push(Unfinished { effect: effect.clone(), sent: *sent }),
            }
        }
    }

    /// What goes on since this was last asked: effects of a run that was parked, which rested until a
    /// claim was the run's again.
    pub fn take_released(&mut self) -> Vec<Unfinished> {
        std::mem::take(&mut self.released)
    }
}

/// The key that `once` yields; none: there is nothing to claim.
fn key_of(once: &Expression, scope: &dyn Scope) -> Result<Option<String>, Failure> {
    let value = once.eval_or_none(scope)?;
    let refused = |what: String| {
        let message = format!("the key of `once` {what}");
        Failure::new(Class::Expression, message).at(once.span())
    };
    let key = match value.kind() {
        _ if value.is_none() => return Ok(None),
        // As the journal may have it: a whole number with or without a fraction of zero.
        minijinja::value::ValueKind::Number => {
            i128::try_from(value.clone()).map_or_else(|_| value.to_string(), |whole| whole.to_string())
        }
        minijinja::value::ValueKind::String | minijinja::value::ValueKind::Bool => {
            expression::text_of(&value).map_err(refused)?
        }
        kind => return Err(refused(format!("must be text or a number, not {kind}"))),
    };
    match key.len() > LONGEST {
        true => Err(refused(format!("has {} bytes, and may have {LONGEST}", key.len()))),
        false => Ok(Some(key)),
    }
}
