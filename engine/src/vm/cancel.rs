//! Stopping what runs.

use super::arena::Key;
use super::state::{Frame, Phase, Task};
use super::{Change, Failure, Pending, Vm};
use crate::compile::Plan;

impl Vm {
    /// Cancels everything that runs in a frame, which is itself kept.
    pub(super) fn cancel_below(&mut self, key: Key<Frame>) {
        let Some(frame) = self.frames.get_mut(key) else { return };
        for task in std::mem::take(&mut frame.tasks) {
            self.cancel_task(task);
        }
    }

    /// Cancels a task and all below it.
    pub(super) fn cancel_task(&mut self, key: Key<Task>) {
        self.note(|vm| vm.instance_of(key), Change::Cancelled);
        self.stop_attempt(key);
        self.leave_claim(key, false);
        if let Some(task) = self.remove_task(key) {
            if let Some(timer) = task.deadline {
                self.timers.remove(&timer);
            }
            if let Some(fan) = task.fan {
                self.fans.remove(fan);
            }
        }
    }

    /// Stops what the present attempt of a task does.
    pub(super) fn stop_attempt(&mut self, key: Key<Task>) {
        // Those below are named after what the task is doing, so they go first.
        if let Some(frame) = self.tasks.get(key).and_then(Self::block_of) {
            self.cancel_below(frame);
            if let (Some(frame), Some(task)) = (self.frames.remove(frame), self.tasks.get_mut(key)) {
                task.trail.absorb(frame.trail);
            }
        }
        match self.release(key) {
            Phase::Performing(instance) | Phase::Suspended(instance) => {
                if let Some(Pending { effect, .. }) = self.pending.remove(&instance) {
                    self.abandon(key, &effect);
                }
            }
            Phase::Sleeping(timer) => {
                self.timers.remove(&timer);
            }
            Phase::Undoing(undoing) => self.hand_over(key, undoing),
            Phase::Queued | Phase::Block(_) | Phase::Handling(_) => {}
        }
    }

    /// Ends the run from outside.
    pub(super) fn abort(&mut self, plan: &Plan, reason: Failure) {
        let root = self
            .frames
            .iter()
            .find(|(_, frame)| frame.owner.is_none() && frame.undoes.is_none())
            .map(|(key, _)| key);
        match root {
            Some(root) => self.fail_frame(plan, root, reason),
            None => self.fail_run(plan, reason),
        }
    }
}
