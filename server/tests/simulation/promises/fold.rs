//! What a run's journal says, played again by the engine.

use std::collections::BTreeMap;

use pathway_engine::journal::{Event, Kind};
use pathway_engine::vm::{Effect, Mismatch, Unfinished, Vm};

use super::facts::Known;
use super::{Broken, broken};
use crate::workload::plan;

/// See above.
#[derive(Debug)]
pub(crate) struct Fold {
    /// How often each call was to be attempted.
    pub(crate) attempts: BTreeMap<String, u32>,
    /// Those that are to be made once at most.
    pub(crate) at_most_once: Vec<String>,
    /// How it ended.
    pub(crate) outcome: Option<Result<pathway_engine::Value, pathway_engine::vm::Failure>>,
    pub(crate) in_flight: Vec<Effect>,
}

impl Fold {
    /// Of a run; one that was over at once has no journal of how.
    pub(crate) fn of(run: &Known) -> Result<Self, Broken> {
        let mut fold = Self {
            attempts: BTreeMap::new(),
            at_most_once: Vec::new(),
            outcome: None,
            in_flight: Vec::new(),
        };
        if run.ended_at_once {
            return Ok(fold);
        }
        let is_redriven = run.events.iter().any(|event| matches!(event.kind, Kind::Redriven { .. }));
        let from = if is_redriven { 1 } else { run.events.len() };
        for length in from..=run.events.len() {
            let mut vm = vm(run);
            let mut asked = Vec::new();
            if is_redriven {
                match vm.follow(&run.events[..length]) {
                    Ok(()) => {
                        asked.extend(vm.in_flight().into_iter().map(|Unfinished { effect, .. }| effect))
                    }
                    Err(why) => return mismatch(run, &why),
                }
            } else {
                for event in &run.events {
                    let _applied = vm.apply(event, &mut asked);
                }
            }
            for effect in asked {
                if let Effect::Http { instance, attempt, at_most_once, .. } = effect {
                    let known = fold.attempts.entry(instance.to_string()).or_default();
                    *known = attempt.max(*known);
                    if at_most_once {
                        fold.at_most_once.push(instance.to_string());
                    }
                }
            }
            if length == run.events.len() {
                fold.outcome = vm.outcome().cloned();
                fold.in_flight = vm.in_flight().into_iter().map(|Unfinished { effect, .. }| effect).collect();
            }
        }
        Ok(fold)
    }

    /// What was in flight after the first events of a run.
    pub(crate) fn in_flight_after(run: &Known, events: &[Event]) -> Result<Vec<Effect>, Broken> {
        let mut vm = vm(run);
        match vm.follow(events) {
            Ok(()) => Ok(vm.in_flight().into_iter().map(|unfinished| unfinished.effect).collect()),
            Err(why) => mismatch(run, &why),
        }
    }
}

fn vm(run: &Known) -> Vm {
    Vm::new(plan(&run.digest))
}

fn mismatch<T>(run: &Known, why: &Mismatch) -> Result<T, Broken> {
    broken("a journal is what happened", format!("{}: {why}", run.public_id), [run.public_id.clone()])
}
