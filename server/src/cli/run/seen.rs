//! What is kept of a run for the report of its failure.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::vm::{Change, Effect, Failure};

use super::super::target::Target;
use super::mask::Mask;
use crate::runner::Observed;

/// Failed children that are kept.
const CHILDREN: usize = 64;

/// What was seen of a run and of those that it called.
#[derive(Debug, Default)]
pub(super) struct Seen {
    plans: HashMap<String, Arc<Plan>>,
    /// What steps that are not finished asked for last, by run and instance.
    asked: HashMap<(String, String), Effect>,
    failed: Vec<(String, Failure)>,
}

impl Seen {
    /// Takes note; what is secret becomes known to `mask`.
    pub(super) fn see(&mut self, observed: &Observed, target: &Target, mask: &mut Mask) {
        match observed {
            Observed::Began { run, pathway } => {
                if let Some(plan) = target.program.pathways.get(pathway) {
                    self.plans.insert(run.clone(), plan.clone());
                }
            }
            Observed::Asked { run, effect } => {
                if let Some(instance) = effect.instance().filter(|_| !matches!(effect, Effect::Claim { .. }))
                {
                    self.asked.insert((run.clone(), instance.to_string()), effect.clone());
                }
            }
            Observed::Step { run, trace } => {
                if let Change::Finished { output } = &trace.change {
                    if self.plans.get(run).is_some_and(|plan| plan.is_secret(&trace.instance)) {
                        mask.learn(output);
                    }
                    self.asked.remove(&(run.clone(), trace.instance.clone()));
                }
            }
            Observed::Ended { run, outcome: Err(failure), .. } if self.failed.len() < CHILDREN => {
                self.failed.push((run.clone(), failure.clone()));
            }
            _ => {}
        }
    }

    /// Where a failure arose: a failure of a run that was called is its caller's too.
    pub(super) fn origin(&self, failure: &Failure) -> Option<(&str, &Plan, &Failure)> {
        let same = |known: &Failure| known.step == failure.step && known.message == failure.message;
        let (run, failure) = self.failed.iter().find(|(_, known)| same(known))?;
        Some((run, self.plans.get(run)?, failure))
    }

    /// What a step asked for.
    pub(super) fn asked(&self, run: &str, instance: &str) -> Option<&Effect> {
        self.asked.get(&(run.to_owned(), instance.to_owned()))
    }
}
