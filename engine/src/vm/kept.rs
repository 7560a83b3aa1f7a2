//! Steps of a run that runs another one again: those that keep what they came to there, and the one
//! that runs alone.

use super::arena::Key;
use super::state::{Frame, Phase, Status, Task};
use super::{Change, Vm};
use crate::Value;
use crate::compile::{Address, Plan};
use crate::journal::Kept;

impl Vm {
    /// What a step that is about to begin keeps. An attempt, item or iteration is not called as its
    /// step is, so only what runs once is found.
    pub(super) fn kept(&self, frame: Key<Frame>, index: u32) -> Option<Kept> {
        let rerun = self.context.rerun.as_ref().filter(|rerun| !rerun.kept.is_empty())?;
        rerun.kept.get(self.instance(frame, index, None).as_str()).cloned()
    }

    /// Leaves a step with what it came to before.
    pub(super) fn keep_step(&mut self, plan: &Plan, frame: Key<Frame>, index: u32, kept: Kept) {
        match kept {
            Kept::Skipped => self.skip_step(plan, frame, index),
            Kept::Output(output) => {
                if self.trace.is_some() {
                    let change = Change::Kept { output: output.clone() };
                    self.note(|vm| vm.instance(frame, index, None), change);
                }
                self.settle_step(plan, frame, index, Status::Done, output);
            }
        }
    }

    /// Begins the step that runs alone, with the steps around it and what it reads; false where there
    /// is none of that path.
    pub(super) fn begin_only(&mut self, plan: &Plan, address: &Address) -> bool {
        let mut owner: Option<Key<Task>> = None;
        let mut only = None;
        for (block, step) in &address.0 {
            let Some(frame) = self.open(plan, *block, owner) else { return false };
            self.ready.clear();
            if let Some(owner) = owner {
                self.enter_phase(owner, Phase::Block(frame));
            }
            self.fill(plan, frame);
            if let Some(cell) = self.frames.get_mut(frame).and_then(|it| it.cells.get_mut(*step as usize)) {
                cell.status = Status::Running;
            }
            only = Some((frame, *step));
            if Some((*block, *step)) != address.step() {
                owner = Some(self.add_task(Task::new(frame, *step, self.now)));
            }
        }
        let Some((frame, step)) = only else { return false };
        self.only = only;
        self.ready.push_back((frame, step));
        true
    }

    /// Puts what is kept in its place.
    fn fill(&mut self, plan: &Plan, frame: Key<Frame>) {
        let Some(block) = self.frames.get(frame).and_then(|frame| plan.block(frame.block)) else { return };
        for index in (0..).take(block.steps.len()) {
            let Some(kept) = self.kept(frame, index) else { continue };
            let status = if kept == Kept::Skipped { Status::Skipped } else { Status::Done };
            if let Some(cell) = self.frames.get_mut(frame).and_then(|it| it.cells.get_mut(index as usize)) {
                (cell.status, cell.output) = (status, kept.output());
            }
        }
    }

    /// Whether this is the step that runs alone.
    pub(super) fn is_only(&self, frame: Key<Frame>, index: u32) -> bool {
        self.only == Some((frame, index))
    }

    /// The step that runs alone is over: so is the run.
    pub(super) fn end_only(&mut self, output: Value) {
        self.finish_run(Ok(output));
    }
}
