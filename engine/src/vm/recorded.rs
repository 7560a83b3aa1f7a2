//! What the steps of a run came to, told from its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::replay::refuse_compacted;
use super::{Change, Mismatch, Trace, Vm};
use crate::Value;
use crate::compile::{Plan, step_path};
use crate::journal::{Event, Kept};

/// What the steps of a run came to, by their paths: of steps that run once in a run.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Those that finished or were left out.
    pub(super) steps: BTreeMap<String, Kept>,
    /// Guards that ended their block.
    pub(super) fired: BTreeSet<String>,
    /// Those of which something was to be undone.
    pub(super) undone: BTreeSet<String>,
    /// Executions of compensations that were begun and did not finish.
    undoing: BTreeSet<String>,
    /// The pathway's variables, by name.
    pub(super) vars: BTreeMap<Arc<str>, Value>,
}

impl Recorded {
    /// What `events` say of a run of `plan`.
    ///
    /// # Errors
    /// An event that the plan does not explain.
    pub fn of(plan: &Arc<Plan>, events: &[Event]) -> Result<Self, Mismatch> {
        refuse_compacted(events)?;
        let mut vm = Vm::new(plan.clone()).traced();
        vm.follow(events)?;
        let mut recorded = Self::default();
        for trace in vm.take_trace() {
            recorded.note(plan, trace);
        }
        let vars = plan.var_names.iter().cloned().zip(vm.context.vars.iter().cloned());
        recorded.vars = vars.collect();
        Ok(recorded)
    }

    fn note(&mut self, plan: &Plan, Trace { instance, change, .. }: Trace) {
        let path = step_path(&instance);
        if let Some(undone) = path.strip_suffix(".compensate").filter(|path| plan.can_be_undone(path)) {
            match change {
                Change::Begun { .. } => {
                    self.undone.insert(undone.to_owned());
                    self.undoing.insert(instance);
                }
                Change::Finished { .. } => drop(self.undoing.remove(&instance)),
                _ => {}
            }
            return;
        }
        // Items, iterations, and what handles a failure.
        if instance.contains(['[', '~', '!']) {
            return;
        }
        match change {
            // The block runs again, and so does all in it.
            Change::Begun { attempt } if attempt > 1 => self.forget_below(&path),
            Change::Finished { .. } if plan.is_guard(&path) => drop(self.fired.insert(path)),
            Change::Failed { .. } if plan.is_guard(&path) => drop(self.fired.insert(path)),
            Change::Finished { output } | Change::Kept { output } => {
                self.steps.insert(path, Kept::Output(output));
            }
            Change::Skipped => drop(self.steps.insert(path, Kept::Skipped)),
            _ => {}
        }
    }

    fn forget_below(&mut self, path: &str) {
        let is_below = |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.steps.retain(|known, _| !is_below(known));
        self.fired.retain(|known| !is_below(known));
        self.undone.retain(|known| !is_below(known));
        self.undoing.retain(|known| !is_below(&step_path(known)));
    }

    /// Steps of which it is not known whether what they did still holds.
    pub(super) fn uncertain(&self) -> BTreeSet<String> {
        let undone = |instance: &String| step_path(instance).strip_suffix(".compensate").map(str::to_owned);
        self.undoing.iter().filter_map(undone).collect()
    }
}
