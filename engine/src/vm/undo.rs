//! Compensation: what a scope has done is undone before its failure is handled.
//!
//! A scope is the attempt of a block that is tried again, a step with an `on_error`, an item that
//! an `each` goes on without, or the run. Its compensations run one after the other, what finished
//! last first; then what was put off goes on. None is ever stopped: a scope around it that fails
//! meanwhile takes over what is left, and waits for what runs.

use std::sync::Arc;

use super::arena::Key;
use super::state::{Frame, Phase, Then, Undoing};
use super::trail::{Done, Marks, Trail, Undoes};
use super::{Alarm, Failure, Task, Vm};
use crate::Value;
use crate::compile::{Plan, Step};
use crate::expression::{Now, Scope as _, Slot};

impl Vm {
    /// Whether the run has failed and is being undone: it cannot be called off then.
    #[must_use]
    pub fn is_undoing(&self) -> bool {
        self.undoing_run
    }

    /// An execution of a step has its output: from now on it can be undone.
    pub(super) fn leave_mark(&mut self, step: &Step, key: Key<Task>, output: &Value) {
        if let Some(compensate) = &step.compensate {
            let instance = self.instance_of(key);
            let own = self.tasks.get(key).map(|task| Slot::Step { up: 0, index: task.step });
            let view = self.view_of(key);
            let kept = compensate.keeps.iter().map(|slot| {
                let value = if Some(*slot) == own { output.clone() } else { view.get(*slot) };
                (*slot, value)
            });
            let (kept, block) = (kept.collect(), compensate.block);
            let number = self.finished;
            self.finished += 1;
            let Some(task) = self.tasks.get_mut(key) else { return };
            // It stands for all that was done inside of it.
            task.trail.truncate(task.earlier);
            task.trail.push(Done { number, instance, block, kept });
        }
        let next = self.finished;
        if let Some(task) = self.tasks.get_mut(key) {
            task.earlier = next;
        }
    }

    /// Undoes what a task has done from the number `first` on, then goes on.
    pub(super) fn undo_task(&mut self, plan: &Plan, key: Key<Task>, first: u64, why: Failure, then: Then) {
        let trail = self.tasks.get_mut(key).map(|task| task.trail.split_off(first));
        self.undo(plan, trail.unwrap_or_default(), why, then);
    }

    /// Undoes what is in `trail`, then goes on.
    pub(super) fn undo(&mut self, plan: &Plan, trail: Trail, why: Failure, then: Then) {
        if trail.is_empty() {
            return self.go_on(plan, then, why);
        }
        let Marks { mut done, running, told, claims } = trail.into_marks();
        done.sort_unstable_by_key(|done| done.number);
        let task = then.task();
        let why = Arc::new(why);
        let key = self.undoings.insert(Undoing { left: done, running, told, claims, why, then });
        let adopted = self.undoings.get(key).map(|it| it.running.clone()).unwrap_or_default();
        for frame in adopted {
            if let Some(undoes) = self.frames.get_mut(frame).and_then(|frame| frame.undoes.as_mut()) {
                undoes.undoing = key;
            }
        }
        match task {
            Some(task) => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.phase = Phase::Undoing(key);
                }
            }
            None => self.undoing_run = true,
        }
        self.undo_next(plan, key);
    }

    /// Begins the next compensation, if none runs.
    fn undo_next(&mut self, plan: &Plan, key: Key<Undoing>) {
        let Some(undoing) = self.undoings.get_mut(key) else { return };
        if !undoing.running.is_empty() {
            return;
        }
        let Some(done) = undoing.left.pop() else {
            if let Some(undoing) = self.undoings.remove(key) {
                self.undone(plan, undoing);
            }
            return;
        };
        let why = undoing.why.clone();
        let Some(frame) = self.open(plan, done.block, None) else { return };
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.undoes = Some(Box::new(Undoes { done, undoing: key, why }));
        }
        if let Some(undoing) = self.undoings.get_mut(key) {
            undoing.running.push(frame);
        }
    }

    /// A compensation is over, or has failed for good.
    pub(super) fn compensated(
        &mut self,
        plan: &Plan,
        frame: Key<Frame>,
        undoes: Undoes,
        failure: Option<Failure>,
    ) {
        let Undoes { done, undoing: key, .. } = undoes;
        let Some(undoing) = self.undoings.get_mut(key) else { return };
        undoing.running.retain(|running| *running != frame);
        undoing.claims.compensated(&done.instance, failure.is_none());
        match failure {
            None => undoing.told.undone(done.instance),
            Some(failure) => undoing.told.not_undone(done.instance, failure),
        }
        self.undo_next(plan, key);
    }

    /// All is undone, as far as it can be.
    fn undone(&mut self, plan: &Plan, undoing: Undoing) {
        let Undoing { told, claims, why, then, .. } = undoing;
        self.forget_claims(claims);
        let mut why = Arc::unwrap_or_clone(why);
        why.compensation = (!told.is_empty()).then(|| Box::new(told.clone()));
        match then.task().and_then(|task| self.tasks.get_mut(task)) {
            Some(task) => {
                task.phase = Phase::Queued;
                task.error = Some(Arc::new(why.clone()));
                task.trail.tell(told);
            }
            None => self.undoing_run = false,
        }
        self.go_on(plan, then, why);
    }

    fn go_on(&mut self, plan: &Plan, then: Then, failure: Failure) {
        match then {
            Then::Retry(task, at) => self.retry_at(task, at),
            Then::Handle(task) => self.handle(plan, task, failure),
            Then::LeaveItem(task) => self.settle_item(plan, task, Value::from(())),
            Then::FailRun => self.fail_run(plan, failure),
            Then::EndRun => self.finish_run(Err(failure)),
        }
    }

    fn retry_at(&mut self, task: Key<Task>, at: Now) {
        let timer = self.set_timer(task, Alarm::Retry, at, Some(self.now));
        self.enter_phase(task, Phase::Sleeping(timer));
    }

    /// A task is stopped while what it did is being undone: that is its scope's affair now.
    pub(super) fn hand_over(&mut self, task: Key<Task>, key: Key<Undoing>) {
        let Some(Undoing { left, running, told, claims, .. }) = self.undoings.remove(key) else { return };
        if let Some(task) = self.tasks.get_mut(task) {
            task.trail.absorb(Trail::of(Marks { done: left, running, told, claims }));
        }
    }

    /// Ends a run that is being undone and does not come to an end.
    pub(super) fn give_up_undoing(&mut self, failure: Failure) {
        let frames: Vec<_> = self.frames.iter().map(|(key, _)| key).collect();
        for key in frames {
            self.cancel_below(key);
            self.frames.remove(key);
        }
        self.finish_run(Err(failure));
    }
}
