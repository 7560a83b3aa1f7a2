//! Runs and the calls of their steps, by pathway. Each pathway and step of the project has its numbers
//! from the start, and keeps them when the project is loaded again; those of runs that go on by an
//! earlier definition are found by their names, and counted together where these are no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
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
    pathways: RwLock<Arc<Pathways>>,
    other: Arc<Pathway>,
}

/// By name.
type Pathways = BTreeMap<Arc<str>, Arc<Pathway>>;

/// Those of a pathway.
#[derive(Debug, Default)]
pub(crate) struct Pathway {
    runs: Arc<Counts>,
    /// By path.
    steps: BTreeMap<Box<str>, Arc<Step>>,
    other: Arc<Step>,
}

/// Runs that have begun, and those that are over or parked.
#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    results: [AtomicU64; RESULTS.len()],
    duration: Histogram,
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
        let pathways = known(program, &Pathways::new());
        Self { pathways: RwLock::new(Arc::new(pathways)), other: Arc::default() }
    }

    /// Counts by the pathways of `program` from now on.
    pub fn swap(&self, program: &Program) {
        let mut pathways = self.pathways.write().unwrap_or_else(PoisonError::into_inner);
        *pathways = Arc::new(known(program, &pathways));
    }

    /// A run of `pathway` has begun.
    pub fn began(&self, pathway: &str) {
        self.of(pathway).runs.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// A run of `pathway` came to this, so long after it was admitted.
    pub fn ended(&self, pathway: &str, status: Status, took: Duration) {
        let pathway = self.of(pathway);
        let place = RESULTS.iter().position(|result| *result == status);
        if let Some(count) = place.and_then(|place| pathway.runs.results.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        pathway.runs.duration.observe(took);
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

    fn of(&self, pathway: &str) -> Arc<Pathway> {
        self.now().get(pathway).unwrap_or(&self.other).clone()
    }

    fn now(&self) -> Arc<Pathways> {
        self.pathways.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By name.
    pub(crate) fn pathways(&self) -> Vec<(Arc<str>, Arc<Pathway>)> {
        let other = (!self.other.is_unused()).then(|| (OTHER.into(), self.other.clone()));
        self.now().iter().map(|(name, pathway)| (name.clone(), pathway.clone())).chain(other).collect()
    }
}

/// The pathways of `program`, with the numbers that they and their steps had `before`.
fn known(program: &Program, before: &Pathways) -> Pathways {
    let pathway = |(name, plan): (&Arc<str>, &Arc<Plan>)| {
        let before = before.get(name);
        let step = |path: &str| before.and_then(|it| it.steps.get(path)).cloned().unwrap_or_default();
        let steps = plan.steps().map(|path| (Box::from(path), step(path))).collect();
        let runs = before.map(|it| it.runs.clone()).unwrap_or_default();
        let other = before.map(|it| it.other.clone()).unwrap_or_default();
        (name.clone(), Arc::new(Pathway { runs, steps, other }))
    };
    program.pathways.iter().map(pathway).collect()
}

impl Pathway {
    fn is_unused(&self) -> bool {
        self.begun() == 0 && self.results().all(|(_, count)| count == 0) && self.steps().next().is_none()
    }

    /// How many have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.runs.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.runs.results.iter().map(|count| count.load(Ordering::Relaxed));
        RESULTS.map(Status::name).into_iter().zip(counts)
    }

    pub(crate) fn duration(&self) -> &Histogram {
        &self.runs.duration
    }

    /// Steps that have called something, by path.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        let steps = self.steps.iter().map(|(path, step)| (&**path, &**step)).chain([(OTHER, &*self.other)]);
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
