//! Steps become ready, run and are finished; blocks open and close.

use std::sync::Arc;

use super::arena::Key;
use super::state::{Cell, Frame, Phase, Status, Task, Then};
use super::trail::Trail;
use super::{Change, Class, Compensation, Failure, Vm};
use crate::Value;
use crate::compile::{BlockId, Plan, Step};
use crate::steps::{Begun, Kind};

impl Vm {
    pub(super) fn step_of<'p>(&self, plan: &'p Plan, key: Key<Task>) -> Option<&'p Step> {
        let task = self.tasks.get(key)?;
        plan.step(self.frames.get(task.frame)?.block, task.step)
    }

    /// Keeps a task, and its frame in mind of it.
    pub(super) fn add_task(&mut self, mut task: Task) -> Key<Task> {
        let frame = task.frame;
        task.place = self.frames.get(frame).map_or(0, |frame| frame.tasks.len());
        let key = self.tasks.insert(task);
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.tasks.push(key);
        }
        key
    }

    pub(super) fn remove_task(&mut self, key: Key<Task>) -> Option<Task> {
        let mut task = self.tasks.remove(key)?;
        if let Some(frame) = self.frames.get_mut(task.frame) {
            frame.trail.absorb(std::mem::take(&mut task.trail));
        }
        if let Some(frame) = self.frames.get_mut(task.frame)
            && frame.tasks.get(task.place) == Some(&key)
        {
            frame.tasks.swap_remove(task.place);
            let moved = frame.tasks.get(task.place).and_then(|moved| self.tasks.get_mut(*moved));
            if let Some(moved) = moved {
                moved.place = task.place;
            }
        }
        Some(task)
    }

    /// Opens a block; its steps that wait for none are ready.
    pub(super) fn open(&mut self, plan: &Plan, id: BlockId, owner: Option<Key<Task>>) -> Option<Key<Frame>> {
        let block = plan.block(id)?;
        let cells: Box<[Cell]> =
            block.waits.iter().map(|waits| Cell { waits: *waits, ..Cell::default() }).collect();
        let unfinished = u32::try_from(cells.len()).unwrap_or(u32::MAX);
        let frame = self.frames.insert(Frame {
            block: id,
            owner,
            cells,
            unfinished,
            tasks: Vec::new(),
            trail: Trail::default(),
            undoes: None,
        });
        self.ready.extend(block.first.iter().map(|step| (frame, *step)));
        Some(frame)
    }

    /// Opens a block for a task and lets it run.
    pub(super) fn enter(
        &mut self,
        plan: &Plan,
        id: BlockId,
        key: Key<Task>,
        phase: impl FnOnce(Key<Frame>) -> Phase,
    ) {
        let Some(frame) = self.open(plan, id, Some(key)) else { return };
        if let Some(task) = self.tasks.get_mut(key) {
            task.phase = phase(frame);
        }
        self.close_if_finished(plan, frame);
    }

    /// Opens the pathway's own block, or that of its `on_error`; `told` says what was undone.
    pub(super) fn open_root(&mut self, plan: &Plan, id: BlockId, told: Option<Compensation>) {
        if let Some(frame) = self.open(plan, id, None) {
            if let (Some(told), Some(frame)) = (told, self.frames.get_mut(frame)) {
                frame.trail.tell(told);
            }
            self.close_if_finished(plan, frame);
        }
    }

    /// All that the step waited for is there.
    pub(super) fn start_step(&mut self, plan: &Plan, frame: Key<Frame>, index: u32) {
        let Some(block) = self.frames.get(frame).map(|frame| frame.block) else { return };
        let Some(step) = plan.step(block, index) else { return };
        if let Some(kept) = self.kept(frame, index) {
            return self.keep_step(plan, frame, index, kept);
        }
        if let Some(when) = &step.when {
            match when.test(&self.view(frame, index)) {
                Ok(true) => {}
                Ok(false) => return self.skip_step(plan, frame, index),
                Err(error) => {
                    self.mark_running(frame, index);
                    return self.fail_step(plan, frame, index, error.into());
                }
            }
        }
        self.mark_running(frame, index);
        if step.each.is_some() {
            self.fan_out(plan, frame, index);
        } else if step.plain && matches!(step.action.kind(), Kind::Pure | Kind::Guard) {
            self.run_plain(plan, step, frame, index);
        } else {
            let task = self.add_task(Task::new(frame, index, self.now));
            self.claim(plan, task);
        }
    }

    /// Runs a step that is finished as soon as it is begun and needs no state of its own.
    fn run_plain(&mut self, plan: &Plan, step: &Step, frame: Key<Frame>, index: u32) {
        self.budget = self.budget.saturating_sub(1);
        let begun = step.action.begin(&self.view(frame, index));
        self.note(|vm| vm.instance(frame, index, None), Change::Begun { attempt: 1 });
        match begun {
            Ok(Begun::Done(output)) => self.finish_step(plan, frame, index, output),
            Ok(Begun::Return(value)) => {
                self.note(|vm| vm.instance(frame, index, None), Change::Finished { output: Value::from(()) });
                self.end_frame(plan, frame, Some(value));
            }
            Ok(Begun::Ask(_) | Begun::Enter(_)) => {
                let failure = Failure::new(Class::Bug, "a pure step asked for an effect");
                self.fail_step(plan, frame, index, failure);
            }
            Err(mut failure) => {
                failure.attempts = 1;
                self.fail_step(plan, frame, index, failure);
            }
        }
    }

    fn mark_running(&mut self, frame: Key<Frame>, index: u32) {
        let Some(frame) = self.frames.get_mut(frame) else { return };
        if let Some(cell) = frame.cells.get_mut(index as usize) {
            cell.status = Status::Running;
        }
    }

    pub(super) fn skip_step(&mut self, plan: &Plan, frame: Key<Frame>, index: u32) {
        self.note(|vm| vm.instance(frame, index, None), Change::Skipped);
        self.settle_step(plan, frame, index, Status::Skipped, Value::from(()));
    }

    pub(super) fn finish_step(&mut self, plan: &Plan, frame: Key<Frame>, index: u32, output: Value) {
        if self.trace.is_some() {
            let change = Change::Finished { output: output.clone() };
            self.note(|vm| vm.instance(frame, index, None), change);
        }
        self.settle_step(plan, frame, index, Status::Done, output);
    }

    pub(super) fn settle_step(
        &mut self,
        plan: &Plan,
        key: Key<Frame>,
        index: u32,
        status: Status,
        output: Value,
    ) {
        if self.is_only(key, index) {
            return self.end_only(output);
        }
        let Some(frame) = self.frames.get_mut(key) else { return };
        let Some(step) = plan.step(frame.block, index) else { return };
        if let Some(cell) = frame.cells.get_mut(index as usize) {
            cell.status = status;
            cell.output = output;
        }
        frame.unfinished -= 1;
        for waker in &step.wakes {
            if let Some(cell) = frame.cells.get_mut(*waker as usize) {
                cell.waits = cell.waits.saturating_sub(1);
                if cell.waits == 0 {
                    self.ready.push_back((key, *waker));
                }
            }
        }
        self.close_if_finished(plan, key);
    }

    /// A block whose steps are all finished or skipped computes its return.
    pub(super) fn close_if_finished(&mut self, plan: &Plan, key: Key<Frame>) {
        let Some(frame) = self.frames.get(key) else { return };
        if frame.unfinished > 0 {
            return;
        }
        let Some(block) = plan.block(frame.block) else { return };
        match &block.returns {
            None => self.end_frame(plan, key, None),
            Some(tree) => match tree.eval(&self.view_of_return(key)) {
                Ok(value) => self.end_frame(plan, key, Some(value)),
                Err(error) => self.fail_frame(plan, key, error.into()),
            },
        }
    }

    /// A block is over; `value` is none where it returned nothing.
    pub(super) fn end_frame(&mut self, plan: &Plan, key: Key<Frame>, value: Option<Value>) {
        self.cancel_below(key);
        let Some(frame) = self.frames.remove(key) else { return };
        if let Some(undoes) = frame.undoes {
            return self.compensated(plan, key, *undoes, None);
        }
        let Some(owner) = frame.owner else {
            return self.end_pathway(plan, frame.trail, value);
        };
        if let Some(task) = self.tasks.get_mut(owner) {
            task.trail.absorb(frame.trail);
        }
        let output = value.unwrap_or_else(|| Value::from(()));
        match self.tasks.get(owner).map(|task| &task.phase) {
            Some(Phase::Handling(_)) => self.conclude(plan, owner, output),
            _ => self.succeeded(plan, owner, output),
        }
    }

    /// The pathway's own block is over, or that of its `on_error`.
    fn end_pathway(&mut self, plan: &Plan, trail: Trail, value: Option<Value>) {
        match (self.failure.take(), value) {
            // An `on_error` that returns nothing has handled nothing.
            (Some(failure), None) => self.finish_run(Err(Failure::clone(&failure))),
            (_, value) => {
                let value = value.unwrap_or_else(|| Value::from(()));
                let checked = match &plan.output {
                    Some(schema) => schema
                        .check(&value)
                        .map_err(|violations| Failure::violated(Class::Bug, "the return", violations)),
                    None => Ok(value),
                };
                match checked {
                    Ok(value) => self.finish_run(Ok(value)),
                    Err(failure) => self.undo(plan, trail, failure, Then::EndRun),
                }
            }
        }
    }

    /// A step failed for good: so does its block.
    pub(super) fn fail_step(&mut self, plan: &Plan, frame: Key<Frame>, index: u32, mut failure: Failure) {
        let instance = self.instance(frame, index, None);
        if let Some(cell) = self.frames.get_mut(frame).and_then(|frame| frame.cells.get_mut(index as usize)) {
            cell.status = Status::Failed;
        }
        if self.trace.is_some() {
            let change = Change::Failed { failure: failure.clone() };
            self.note(|_| instance.clone(), change);
        }
        failure.step.get_or_insert(instance);
        match self.is_only(frame, index) {
            // No step around it handles what it was not part of.
            true => self.abort(plan, failure),
            false => self.fail_frame(plan, frame, failure),
        }
    }

    /// A block fails: what runs in it is cancelled, and the step around it has failed.
    pub(super) fn fail_frame(&mut self, plan: &Plan, key: Key<Frame>, failure: Failure) {
        self.cancel_below(key);
        let Some(frame) = self.frames.remove(key) else { return };
        if let Some(undoes) = frame.undoes {
            return self.compensated(plan, key, *undoes, Some(failure));
        }
        let Some(owner) = frame.owner else { return self.undo(plan, frame.trail, failure, Then::FailRun) };
        if let Some(task) = self.tasks.get_mut(owner) {
            task.trail.absorb(frame.trail);
        }
        match self.tasks.get(owner).map(|task| &task.phase) {
            Some(Phase::Handling(_)) => self.give_up(plan, owner, failure),
            _ => self.attempt_failed(plan, owner, failure, false),
        }
    }

    /// The run fails, unless the pathway's `on_error` handles it.
    pub(super) fn fail_run(&mut self, plan: &Plan, failure: Failure) {
        match plan.on_error {
            Some(block) if self.failure.is_none() && self.only.is_none() => {
                let told = failure.compensation.as_deref().cloned();
                self.failure = Some(Arc::new(failure));
                self.open_root(plan, block, told);
            }
            _ => self.finish_run(Err(failure)),
        }
    }

    pub(super) fn finish_run(&mut self, outcome: Result<Value, Failure>) {
        self.ready.clear();
        self.again.clear();
        self.feeding.clear();
        self.queue.clear();
        self.effects.push(super::Effect::Ended { outcome: outcome.clone() });
        self.ended = Some(outcome);
    }
}
