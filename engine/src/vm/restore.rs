//! A run is taken up from what its journal was compacted to.
//!
//! How it began is told by its first event, so that its input and its variables are what they would be
//! without. What is in flight is asked of its step again: as of when it was asked, since a request may
//! say when that was.

use super::snapshot::{self, FORMAT, InFlight, State};
use super::{Asked, Change, Effect, Instance, Mismatch, Pending, Status, Trace, Vm};
use crate::compile::Plan;
use crate::journal::{Compacted, SEMANTICS, Started};
use crate::steps::Begun;

impl Vm {
    /// Takes up, as one that was just made, what the journal was compacted to.
    ///
    /// # Errors
    /// It was compacted by an engine of another format, or for other steps.
    pub(super) fn restore(&mut self, started: &Started, compacted: &Compacted) -> Result<(), Mismatch> {
        let plan = self.plan.clone();
        if started.semantics != SEMANTICS {
            return Err(Mismatch::Semantics { found: started.semantics, own: SEMANTICS });
        }
        if compacted.format != FORMAT {
            return Err(Mismatch::Format { found: compacted.format, own: FORMAT });
        }
        let unreadable = |why: String| Mismatch::State { why };
        let state: State =
            serde_json::from_str(&compacted.state).map_err(|why| unreadable(why.to_string()))?;
        if state.layout != snapshot::layout(&plan) {
            return Err(unreadable("it is of a pathway with other steps".to_owned()));
        }
        let (at, redriven) = state.began;
        self.now = at;
        self.context.set_redrives(redriven);
        self.set_up(&plan, started).map_err(|failure| unreadable(failure.message))?;
        (self.frames, self.tasks) = (state.frames, state.tasks);
        (self.fans, self.undoings) = (state.fans, state.undoings);
        (self.queue, self.in_flight, self.only) = (state.queue, state.in_flight, state.only);
        (self.timers, self.next_timer) = (state.timers, state.next_timer);
        (self.signals, self.keys) = (state.signals, state.keys);
        (self.asking_again, self.finished, self.made) = (state.asking_again, state.finished, state.made);
        for (instance, in_flight) in state.pending {
            let Some(effect) = self.asks(&plan, &instance, &in_flight) else {
                return Err(Mismatch::Request { instance: instance.to_string() });
            };
            let InFlight { task, sent, asked, .. } = in_flight;
            self.pending.insert(instance, Pending { task, effect, sent, asked });
        }
        self.now = state.now;
        self.context.set_redrives(compacted.redriven);
        self.tell_standing();
        Ok(())
    }

    /// For whoever watches: what is over of the blocks that run, and what is under way in them.
    fn tell_standing(&mut self) {
        if self.trace.is_none() {
            return;
        }
        let mut told = Vec::new();
        for (key, frame) in self.frames.iter() {
            for (cell, index) in frame.cells.iter().zip(0..) {
                let change = match cell.status {
                    Status::Done => Change::Finished { output: cell.output.clone() },
                    Status::Skipped => Change::Skipped,
                    Status::Waiting | Status::Running | Status::Failed => continue,
                };
                told.push(Trace { at: self.now, instance: self.instance(key, index, None), change });
            }
        }
        let begun = told.len();
        for (key, task) in self.tasks.iter() {
            let change = Change::Begun { attempt: task.attempt };
            told.push(Trace { at: task.since, instance: self.instance_of(key), change });
        }
        if let Some(begun) = told.get_mut(begun..) {
            begun.sort_by_key(|trace| trace.at);
        }
        self.trace.get_or_insert_default().append(&mut told);
    }

    /// What a task asks for that is in flight.
    fn asks(&mut self, plan: &Plan, instance: &Instance, in_flight: &InFlight) -> Option<Effect> {
        let InFlight { task: key, attempt, asked: Asked { at, redriven }, .. } = *in_flight;
        let task = self.tasks.get(key)?;
        if let Some(claim) = task.claim.as_deref().filter(|claim| claim.instance == *instance) {
            return Some(claim.effect(attempt).1);
        }
        self.now = at;
        self.context.set_redrives(redriven);
        let step = self.step_of(plan, key).filter(|_| *self.instance_of(key) == **instance)?;
        match step.action.begin(&self.view_of(key)) {
            Ok(Begun::Ask(request)) => request.effect(step, instance, attempt).ok().map(|(effect, _)| effect),
            _ => None,
        }
    }
}
