//! Plays cases, as many at once as there are processors.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pathway_engine::testing::{Case, Played, Problem, Reached, Setting, Suite};

use super::super::run::Mask;
use super::find::Found;

/// What came of all cases.
pub(super) struct Ended<'a> {
    /// In the order written.
    pub(super) cases: Vec<One<'a>>,
    /// Mocks of files that no case of theirs asked.
    pub(super) unused: Vec<Problem>,
    /// Cases that were not meant.
    pub(super) left_out: usize,
}

/// What came of a case.
pub(super) struct One<'a> {
    pub(super) path: &'a str,
    pub(super) case: &'a Case,
    pub(super) played: Played,
}

/// What is told of.
pub(super) struct Told<'a> {
    pub(super) found: &'a Found,
    pub(super) ended: &'a Ended<'a>,
    /// In real time.
    pub(super) took: Duration,
}

impl Told<'_> {
    /// What must not be shown of a case.
    pub(super) fn mask(&self, one: &One<'_>) -> Mask {
        let plan = self.found.program.pathways.get(one.case.pathway());
        plan.map_or_else(Mask::default, |plan| Mask::of(&self.found.config, plan, &().into()))
    }
}

impl Ended<'_> {
    /// What all cases have reached.
    pub(super) fn reached(&self) -> Reached {
        let mut all = Reached::default();
        self.cases.iter().for_each(|one| all.extend(&one.played.reached));
        all
    }
}

/// Plays the cases in whose names one of `names` stands, or all.
pub(super) fn play<'a>(suites: &'a [(String, Suite)], setting: Setting<'_>, names: &[String]) -> Ended<'a> {
    let all = suites.iter().flat_map(|(path, suite)| suite.cases.iter().map(move |case| (path, case)));
    let is_meant = |case: &Case| names.is_empty() || names.iter().any(|name| case.name.value.contains(name));
    let (meant, others): (Vec<_>, Vec<_>) = all.partition(|(_, case)| is_meant(case));
    let next = AtomicUsize::new(0);
    let played: Mutex<BTreeMap<usize, Played>> = Mutex::default();
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(meant.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, case)) = meant.get(n) else { break };
                    let one = case.play(setting);
                    played.lock().unwrap_or_else(PoisonError::into_inner).insert(n, one);
                }
            });
        }
    });
    let played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    let cases: Vec<One<'a>> = meant
        .into_iter()
        .zip(played.into_values())
        .map(|((path, case), played)| One { path, case, played })
        .collect();
    // Of a file of which not all cases ran, nobody knows.
    let unused = suites
        .iter()
        .filter(|(path, suite)| suite.cases.len() == cases.iter().filter(|one| one.path == path).count());
    let unused = unused.flat_map(|(path, suite)| {
        let mine = cases.iter().filter(|one| one.path == path);
        suite.unused(mine.flat_map(|one| one.played.shared_used.iter().copied()))
    });
    let unused = unused.collect();
    Ended { cases, unused, left_out: others.len() }
}
