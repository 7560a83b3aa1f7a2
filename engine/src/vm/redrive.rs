//! Redriving: a run that failed goes on where it did, as if what ended it had not happened.
//!
//! It is a matter of the journal: see `replay.rs` for what counts of it. What was under way when the
//! run failed is under way again; the execution that failed has all its attempts again, numbered on.

use std::sync::Arc;

use super::arena::Key;
use super::state::{Phase, Task};
use super::{Change, Effect, Pending, Vm};
use crate::expression::Now;
use crate::journal::{Event, Kind, Onto};

/// Where a run failed.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) end: u32,
    pub(super) undo: bool,
    /// The execution of a step that failed, and how many attempts it had.
    pub(super) step: Option<(Arc<str>, u32)>,
}

impl Vm {
    /// What redrives the run, which was replayed from so many events; none where it has returned.
    #[must_use]
    pub fn redriven(&self, events: usize) -> Option<Kind> {
        let Point { end, undo, .. } = self.failed_point(events)?;
        Some(Kind::Redriven { end, undo, onto: None })
    }

    /// Where the run failed. One that was parked without having failed goes on where it was.
    pub(super) fn failed_point(&self, events: usize) -> Option<Point> {
        match &self.ended {
            Some(Ok(_)) => None,
            Some(Err(_)) => self.failed_at.clone(),
            None => Some(Point { end: u32::try_from(events).ok()?, undo: false, step: None }),
        }
    }

    /// Whether the run has failed, also if the pathway's `on_error` still handles that.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some() || matches!(self.ended, Some(Err(_)))
    }

    /// Keeps in mind with which event the run failed.
    pub(super) fn note_failure(&mut self, index: usize) {
        if self.failed_at.is_none()
            && self.has_failed()
            && let Ok(end) = u32::try_from(index)
        {
            let ended = self.ended.as_ref().and_then(|ended| ended.as_ref().err());
            let failure = self.failure.as_deref().or(ended);
            let step = failure.and_then(|failure| Some((failure.step.as_deref()?.into(), failure.attempts)));
            self.failed_at = Some(Point { end, undo: self.undo, step });
        }
    }

    /// Lets the run go on; `undone` is what it failed with, and was not told this time.
    pub(super) fn redrive(&mut self, at: Now, undone: Option<&Event>, onto: Option<&Onto>) {
        self.now = self.now.max(at);
        self.context.redriven();
        // While it was parked no time passed for what is under way.
        let now = self.now;
        for timer in self.timers.values_mut() {
            timer.begin_anew(now);
        }
        let is_claim = |pending: &Pending| matches!(pending.effect, Effect::Claim { .. });
        let failed = match undone.map(|event| &event.kind) {
            Some(Kind::Performed(performed)) => {
                self.pending.get(&performed.instance).filter(|it| !is_claim(it)).map(|it| it.task)
            }
            // Another definition counts timers for itself.
            Some(Kind::Fired { timer }) if onto.is_none() => self.timers.get(timer).map(|timer| timer.task),
            _ => None,
        };
        // What failed may be around it, such as a `while` that came to its limit.
        let has_failed =
            |key| onto.and_then(|onto| onto.step.as_deref()) == Some(self.instance_of(key).as_str());
        if let Some(key) = failed.filter(|key| !has_failed(*key)) {
            let made = self.tasks.get(key).map_or(0, |task| task.attempt);
            self.attempt_anew(key, made);
        }
        if let Some(Onto { step: Some(step), attempts, .. }) = onto {
            match self.pending.get(step).map(|pending| pending.task) {
                Some(key) => self.attempt_anew(key, *attempts),
                // It may wait for something else by now.
                None => drop(self.made.insert(step.clone(), *attempts)),
            }
        }
        self.ask_again();
    }

    /// Asks for a task's effect once more, as the first of new attempts after so many.
    fn attempt_anew(&mut self, key: Key<Task>, made: u32) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(key) else { return };
        let (Phase::Performing(instance) | Phase::Suspended(instance)) = &task.phase else { return };
        let Some(pending) = self.pending.get_mut(instance) else { return };
        task.before = made;
        task.attempt = made + 1;
        task.since = now;
        pending.sent = false;
        let attempt = task.attempt;
        pending.effect.set_attempt(attempt);
        self.note(|vm| vm.instance_of(key), Change::Begun { attempt });
    }
}

impl Effect {
    fn set_attempt(&mut self, to: u32) {
        match self {
            Self::Http { attempt, .. }
            | Self::Publish { attempt, .. }
            | Self::Emit { attempt, .. }
            | Self::Child { attempt, .. }
            | Self::Await { attempt, .. }
            | Self::Claim { attempt, .. } => *attempt = to,
            Self::Release { .. } | Self::Timer { .. } | Self::Abandon { .. } | Self::Ended { .. } => {}
        }
    }
}
