//! What happened in a run that was played.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::coverage::Reached;
use crate::expression::Now;
use crate::source::Span;
use crate::value::to_serde;
use crate::vm::{Change, Failure, Trace};

/// Executions of steps that are told of; of others is known how they ended, and not what they put out.
const STEPS: usize = 10_000;

/// What begins the part of a name that tells executions of a step apart.
const TURNS: [char; 3] = ['[', '#', '~'];

/// What became of an execution of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was begun, and the run ended meanwhile.
    Running,
    /// It has an output.
    Finished,
    /// It was left out.
    Skipped,
    /// It failed for good.
    Failed,
    /// It was stopped because another failed.
    Cancelled,
}

impl State {
    /// What tests call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An execution of a step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which: its path with what tells executions apart, below that of the step that called its pathway.
    pub name: String,
    /// The step, likewise.
    pub path: String,
    /// What became of it.
    pub state: State,
    /// How many attempts it had.
    pub attempts: u32,
    /// When it was begun, from the beginning of the run on.
    pub began: Duration,
    /// When it was over, likewise.
    pub ended: Duration,
    /// What it put out.
    pub output: Option<Json>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Where its name stands.
    pub span: Option<Span>,
}

/// Something that was asked of the outside.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) is_call: bool,
    pub(super) sent: Json,
}

/// A record that was published.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) topic: String,
    pub(super) record: Json,
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) began: Now,
    pub(super) steps: Vec<Step>,
    places: HashMap<String, usize>,
    pub(super) asked: Vec<Asked>,
    pub(super) published: Vec<Published>,
    /// By the execution that said it.
    pub(super) emitted: Vec<(String, Json)>,
    pub(super) reached: Reached,
}

impl Record {
    /// Begins anew; what was reached stays.
    pub(super) fn again(&mut self, now: Now) {
        let reached = std::mem::take(&mut self.reached);
        *self = Self { reached, began: now, ..Self::default() };
    }

    /// The time from the beginning on.
    pub(super) fn elapsed(&self, at: Now) -> Duration {
        Duration::try_from(at.duration_since(self.began)).unwrap_or_default()
    }

    /// Takes note of what happened to a step.
    pub(super) fn note(&mut self, name: String, path: String, span: Option<Span>, trace: Trace) {
        let at = self.elapsed(trace.at);
        if let Change::Chose { .. } = trace.change {
            return;
        }
        if let (Change::Begun { attempt: 1 }, Some((before, _))) = (&trace.change, name.rsplit_once('~')) {
            self.next_iteration(before);
        }
        let place = *self.places.entry(name.clone()).or_insert(self.steps.len());
        if place == self.steps.len() {
            self.steps.push(Step {
                name,
                path,
                state: State::Running,
                attempts: 0,
                began: at,
                ended: at,
                output: None,
                failure: None,
                span,
            });
        }
        let Some(step) = self.steps.get_mut(place) else { return };
        let is_told = place < STEPS;
        step.ended = at;
        match trace.change {
            Change::Chose { .. } => {}
            Change::Begun { attempt } => {
                step.attempts = attempt;
                step.state = State::Running;
            }
            Change::Retrying { failure, .. } => step.failure = Some(failure),
            Change::Finished { output } | Change::Kept { output } => {
                step.output = is_told.then(|| to_serde(&output));
                // One that failed and whose failure is handled has failed all the same.
                if step.state != State::Failed {
                    step.state = State::Finished;
                    step.failure = None;
                }
            }
            Change::Skipped => step.state = State::Skipped,
            Change::Failed { failure } => {
                step.state = State::Failed;
                step.failure = Some(failure);
            }
            Change::Cancelled => step.state = State::Cancelled,
        }
    }

    /// The iteration before is over, of which nothing else tells.
    fn next_iteration(&mut self, before: &str) {
        let is_before = |step: &&mut Step| {
            step.name == before || step.name.rsplit_once('~').is_some_and(|(start, _)| start == before)
        };
        let last = self.steps.iter_mut().rev().find(is_before);
        if let Some(step) = last.filter(|step| step.state == State::Running) {
            step.state = State::Finished;
        }
    }

    /// The execution of that name, or the last of the step of that path.
    pub(super) fn step(&self, name: &str) -> Option<&Step> {
        let exact = self.places.get(name).and_then(|place| self.steps.get(*place));
        exact.or_else(|| self.steps.iter().rev().find(|step| step.path == name))
    }

    /// An execution that was not left out, of that name or of the step of that path.
    pub(super) fn not_skipped(&self, name: &str) -> Option<&Step> {
        let is_meant = |step: &&Step| step.name == name || (!is_execution(name) && step.path == name);
        self.steps.iter().filter(is_meant).find(|step| step.state != State::Skipped)
    }

    /// Whether `name` is an execution that there cannot have been: nothing happened to it, nor to
    /// anything beside it in its turn.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        if !is_execution(name) || self.places.contains_key(name) {
            return false;
        }
        let end = name.rfind(TURNS).map_or(name.len(), |turn| {
            let rest = name.get(turn..).unwrap_or_default();
            rest.find(['.', '/']).map_or(name.len(), |end| turn + end)
        });
        let turn = name.get(..end).unwrap_or(name);
        let is_beside = |step: &Step| {
            step.name.strip_prefix(turn).is_some_and(|rest| rest.starts_with(['.', '/']) || rest.is_empty())
        };
        end == name.len() || !self.steps.iter().any(is_beside)
    }

    /// The executions that are told of.
    pub(super) fn told(mut self) -> (Vec<Step>, Reached) {
        self.steps.truncate(STEPS);
        (self.steps, self.reached)
    }

    /// What executions of that name, or of the step of that path, asked for, in order.
    pub(super) fn asked_by(&self, name: &str) -> Vec<&Asked> {
        self.asked.iter().filter(|asked| asked.name == name || asked.path == name).collect()
    }
}

/// Whether a name is that of one execution, and not a path.
fn is_execution(name: &str) -> bool {
    name.contains(TURNS)
}
