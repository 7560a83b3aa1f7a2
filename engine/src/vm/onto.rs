//! Redriving with another definition: a run that failed goes on by that where its journal agrees.
//!
//! It agrees where each event that counts concerns the same execution by both definitions, and no
//! request is another one than was recorded. What happened to the execution that failed does not
//! count: that is what the other definition is to do otherwise. What it asks for in addition is no
//! contradiction either, and is asked for when the run goes on.

use std::collections::HashMap;
use std::sync::Arc;

use super::replay::refuse_compacted;
use super::target::Target;
use super::{Mismatch, Vm};
use crate::compile::Plan;
use crate::journal::{Event, Kind, Onto};

/// Where a run would differ from what was recorded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Departure {
    /// A step asks for something else.
    #[error("`{step}` would ask for something else than it did")]
    Request {
        /// Which execution of which step.
        step: String,
    },
    /// A step does not wait for what came.
    #[error("`{step}` would not be waiting for what came to it")]
    Unasked {
        /// Which execution of which step.
        step: String,
    },
    /// The run ends.
    #[error("it would end before `{step}`{}", because(.why.as_deref()))]
    Ended {
        /// The execution of a step that was next.
        step: String,
        /// Why it fails, if it does.
        why: Option<String>,
    },
    /// The run has not failed, so that it cannot be redriven at all.
    #[error("its journal does not tell how it failed")]
    Unfailed,
    /// Its journal does not even agree with the definition that it had.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

fn because(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!(": {why}"))
}

impl Vm {
    /// What lets a run that failed by the definition `from` go on by `to`.
    ///
    /// # Errors
    /// Where it would differ, up to the step that failed.
    pub fn onto(from: Arc<Plan>, to: Arc<Plan>, events: &[Event]) -> Result<Kind, Departure> {
        refuse_compacted(events)?;
        let mut before = Self::new(from);
        let mut targets: HashMap<usize, Option<Target>> = HashMap::new();
        before.follow_seen::<Mismatch>(events, |vm, place, event| {
            targets.insert(place, vm.target(event));
            Ok(())
        })?;
        let failed = before.failed_point(events.len()).ok_or(Departure::Unfailed)?;
        let (step, attempts) = failed.step.unzip();
        let concerns = |target: &Option<Target>| {
            step.as_ref().zip(target.as_ref()).is_some_and(|(step, target)| **step == *target.instance)
        };
        let without = targets.iter().filter(|(_, target)| concerns(target));
        let mut without: Vec<u32> = without.filter_map(|(place, _)| u32::try_from(*place).ok()).collect();
        without.sort_unstable();
        let definition = to.digest.clone();
        let onto = Onto { definition, step, attempts: attempts.unwrap_or(0), without };
        let kind = Kind::Redriven { end: failed.end, undo: failed.undo, onto: Some(Box::new(onto)) };

        let at = events.last().map_or(before.now, |event| event.at);
        let mut events = events.to_vec();
        events.push(Event { at, kind: kind.clone() });
        Self::new(to).follow_seen(&events, |vm, place, event| {
            let Some(Some(expected)) = targets.get(&place) else { return Ok(()) };
            vm.agrees(expected, event)
        })?;
        Ok(kind)
    }

    /// Whether an event concerns whom it concerned.
    fn agrees(&self, expected: &Target, event: &Event) -> Result<(), Departure> {
        let step = expected.instance.clone();
        if let Some(ended) = &self.ended {
            let why = ended.as_ref().err().map(|failure| failure.message.clone());
            return Err(Departure::Ended { step, why });
        }
        match self.check(event) {
            Err(Mismatch::Request { .. }) => return Err(Departure::Request { step }),
            checked => checked?,
        }
        let attempt = match &event.kind {
            Kind::Performed(performed) => Some(performed.attempt),
            Kind::Sent { attempt, .. } => Some(*attempt),
            _ => None,
        };
        let asked = self.pending(&step).and_then(|effect| effect.attempt());
        let is_attempt = attempt.is_none() || attempt == asked;
        match self.target(event).as_ref() == Some(expected) && is_attempt {
            true => Ok(()),
            false => Err(Departure::Unasked { step }),
        }
    }

    /// Attempts that a task, which is about to begin its first, had by another definition.
    pub(super) fn made_before(&mut self, key: super::arena::Key<super::Task>) -> Option<u32> {
        let is_first = !self.made.is_empty() && self.tasks.get(key)?.attempt == 1;
        is_first.then(|| self.instance_of(key)).and_then(|instance| self.made.remove(instance.as_str()))
    }
}
