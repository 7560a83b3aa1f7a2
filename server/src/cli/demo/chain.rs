//! Runs as they are observed, and when all that follows from a request is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::{Program, step_path};
use pathway_engine::vm::{Change, Failure, Trace};

use crate::runner::Observed;

/// A run that is over.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) pathway: Arc<str>,
    pub(super) took: Duration,
    pub(super) steps: Vec<Step>,
    /// Topics and how many records each got.
    pub(super) published: IndexMap<String, usize>,
    /// Pieces that were passed on.
    pub(super) emitted: usize,
    pub(super) outcome: Result<Value, Failure>,
}

/// A step that did something, all its executions taken together.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) path: String,
    pub(super) took: Duration,
    pub(super) executions: usize,
    pub(super) attempts: u32,
    pub(super) has_failed: bool,
}

/// Runs under way.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: HashMap<String, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    pathway: Arc<str>,
    /// From its first event to its last one.
    time: Option<(Timestamp, Timestamp)>,
    steps: IndexMap<String, Seen>,
    published: IndexMap<String, usize>,
    emitted: usize,
}

#[derive(Debug)]
struct Seen {
    from: Timestamp,
    to: Timestamp,
    executions: usize,
    attempts: u32,
    has_failed: bool,
}

impl Runs {
    /// Takes note; a run that this ends.
    pub(super) fn see(&mut self, observed: Observed) -> Option<Run> {
        match observed {
            Observed::Began { run, pathway } => {
                let (steps, published) = (IndexMap::new(), IndexMap::new());
                self.runs.insert(run, UnderWay { pathway, time: None, steps, published, emitted: 0 });
            }
            Observed::Step { run, trace } => self.runs.get_mut(&run)?.step(&trace),
            Observed::Asked { .. } => {}
            Observed::Emitted { run, .. } => self.runs.get_mut(&run)?.emitted += 1,
            Observed::Published { run, topic, .. } => {
                *self.runs.get_mut(&run)?.published.entry(topic).or_default() += 1;
            }
            Observed::Ended { run, outcome, .. } => return Some(self.runs.remove(&run)?.end(outcome)),
        }
        None
    }
}

impl UnderWay {
    fn step(&mut self, trace: &Trace) {
        let path = step_path(&trace.instance);
        let at = trace.at;
        self.time = Some((self.time.map_or(at, |(from, _)| from), at));
        if let Change::Begun { attempt } = trace.change {
            let new = Seen { from: at, to: at, executions: 0, attempts: 1, has_failed: false };
            let seen = self.steps.entry(path).or_insert(new);
            seen.executions += usize::from(attempt == 1);
            seen.attempts = seen.attempts.max(attempt);
        } else if let Some(seen) = self.steps.get_mut(&path) {
            seen.to = at;
            seen.has_failed |= matches!(trace.change, Change::Failed { .. });
        }
    }

    fn end(self, outcome: Result<Value, Failure>) -> Run {
        let took = self.time.map(|(from, to)| between(from, to)).unwrap_or_default();
        let is_block = |path: &str| {
            let inner = format!("{path}.");
            self.steps.keys().any(|other| other.starts_with(&inner))
        };
        let steps = self.steps.iter().filter(|(path, _)| !is_block(path)).map(|(path, seen)| Step {
            path: path.clone(),
            took: between(seen.from, seen.to),
            executions: seen.executions,
            attempts: seen.attempts,
            has_failed: seen.has_failed,
        });
        Run {
            steps: steps.collect(),
            pathway: self.pathway,
            took,
            published: self.published,
            emitted: self.emitted,
            outcome,
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// All that follows from one request: its run, and those that records of these start.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    program: &'a Program,
    under_way: Runs,
    /// Runs that are still to end.
    left: usize,
    pub(super) runs: Vec<Run>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        Self { program, under_way: Runs::default(), left: 1, runs: Vec::new() }
    }

    pub(super) fn see(&mut self, observed: Observed) {
        if let Observed::Published { topic, .. } = &observed {
            self.left += self.program.pathways.values().filter(|plan| plan.topic() == *topic).count();
        }
        if let Some(run) = self.under_way.see(observed) {
            self.left = self.left.saturating_sub(1);
            self.runs.push(run);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }
}
