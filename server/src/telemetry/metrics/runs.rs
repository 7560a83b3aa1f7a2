//! Runs and the calls of their steps, by pathway. Each pathway and step of the project has its numbers
//! from the start; those of runs that go on by an earlier definition are found by their names, and
//! counted together where these are no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pathway_engine::compile::{Plan, Program, step_path};
use pathway_engine::vm::Class;

use super::{Histogram, OTHER};
use crate::store::Status;

/// How runs end, as far as a process is done with them.
const RESULTS: [Status; 4] = [Status::Succeeded, Status::Failed, Status::Cancelled, Status::Parked];

/// Those of all pathways.
#[derive(Debug)]
pub struct Runs {
    pathways: BTreeMap<Arc<str>, Pathway>,
    other: Pathway,
}

/// Those of a pathway.
#[derive(Debug, Default)]
pub(super) struct Pathway {
    results: [AtomicU64; RESULTS.len()],
    pub(super) duration: Histogram,
    steps: BTreeMap<Box<str>, Step>,
    other: Step,
}

/// The calls of a step.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) queue: Histogram,
    answered: OnceLock<Box<Histogram>>,
    /// By the class of the failure.
    failed: [OnceLock<Box<Histogram>>; Class::ALL.len()],
}

impl Runs {
    pub(super) fn new(program: &Program) -> Self {
        let pathway = |plan: &Arc<Plan>| {
            let steps = plan.steps().map(|path| (Box::from(path), Step::default())).collect();
            Pathway { steps, ..Pathway::default() }
        };
        let pathways = program.pathways.iter().map(|(name, plan)| (name.clone(), pathway(plan)));
        Self { pathways: pathways.collect(), other: Pathway::default() }
    }

    /// A run of `pathway` came to this, so long after it was admitted.
    pub fn ended(&self, pathway: &str, status: Status, took: Duration) {
        let pathway = self.of(pathway);
        let place = RESULTS.iter().position(|result| *result == status);
        if let Some(count) = place.and_then(|place| pathway.results.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        pathway.duration.observe(took);
    }

    /// An attempt of a step waited so long for its turn, then took so long.
    pub fn called(
        &self,
        pathway: &str,
        instance: &str,
        (queued, took): (Duration, Duration),
        failure: Option<Class>,
    ) {
        let pathway = self.of(pathway);
        let step = pathway.steps.get(step_path(instance).as_str()).unwrap_or(&pathway.other);
        step.queue.observe(queued);
        let place = match failure {
            None => Some(&step.answered),
            Some(class) => {
                let place = Class::ALL.iter().position(|known| *known == class);
                place.and_then(|place| step.failed.get(place))
            }
        };
        if let Some(histogram) = place {
            histogram.get_or_init(Box::default).observe(took);
        }
    }

    fn of(&self, pathway: &str) -> &Pathway {
        self.pathways.get(pathway).unwrap_or(&self.other)
    }

    /// By name.
    pub(super) fn pathways(&self) -> impl Iterator<Item = (&str, &Pathway)> {
        let other = (!self.other.is_unused()).then_some((OTHER, &self.other));
        self.pathways.iter().map(|(name, pathway)| (&**name, pathway)).chain(other)
    }
}

impl Pathway {
    fn is_unused(&self) -> bool {
        self.results().all(|(_, count)| count == 0) && self.steps().next().is_none()
    }

    pub(super) fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.results.iter().map(|count| count.load(Ordering::Relaxed));
        RESULTS.map(Status::name).into_iter().zip(counts)
    }

    /// Steps that have called something, by path.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        let steps = self.steps.iter().map(|(path, step)| (&**path, step)).chain([(OTHER, &self.other)]);
        steps.filter(|(_, step)| step.durations().next().is_some())
    }
}

impl Step {
    /// By what came of it.
    pub(super) fn durations(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        let classes = Class::ALL.iter().map(|class| class.name());
        let failed = classes.zip(&self.failed);
        let all = [("ok", &self.answered)].into_iter().chain(failed);
        all.filter_map(|(result, histogram)| Some((result, &**histogram.get()?)))
    }
}
