//! Runs as operators see them.

use std::collections::HashMap;

use jiff::Timestamp;
use pathway_engine::value;
use pathway_engine::vm::{Change, Failure, Trace};
use serde::{Deserialize, Serialize};

use super::StepStatus;
use crate::gateway::outcome;
use crate::runner::{Doing, Story, Waiting};
use crate::store::{Millis, Run};

/// Executions of steps that are shown of a run.
const STEPS: usize = 1_000;

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its public id.
    pub id: String,
    /// Its pathway.
    pub pathway: String,
    /// Where it stands.
    pub status: String,
    /// What it does, of one that is `ready`: `queued`, `running`, `waiting`, or `elsewhere`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// When it was admitted.
    pub created_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Its ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Topic, partition and offset of the record that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<(String, i32, i64)>,
    /// The run that it runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<String>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failed>,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Its kind.
    pub class: String,
    /// What it says.
    pub message: String,
    /// The author's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The HTTP status of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The execution of a step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// What a service answered, and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

/// A run with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// What a list says.
    #[serde(flatten)]
    pub summary: Summary,
    /// The definition that it is pinned to.
    pub digest: String,
    /// By which its caller finds the answer.
    pub correlation_id: String,
    /// The runs that run it again, the newest first; of many only some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reruns: Vec<String>,
    /// What happened to its steps, in the order in which they began.
    pub steps: Vec<Step>,
    /// Executions of steps that are not shown, since they are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub steps_omitted: usize,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Waits>,
    /// Why there is no more to tell of its steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
}

/// An execution of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which: the step's path, with items and iterations.
    pub path: String,
    /// Where it stands.
    pub status: StepStatus,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When the next attempt begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// How it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failed>,
}

/// Something that a run waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waits {
    /// `lane`, `slot`, `circuit`, `call`, `signal`, `claim`, `run`, `timer`; `elsewhere`: ask the
    /// worker that has the partition.
    #[serde(rename = "for")]
    pub what: String,
    /// Which: the key of a lane or a claim, a limit, a service, a signal, a pathway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The execution of a step that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Which attempt it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Those who have what it waits for: pathway, run and step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<String>,
}

/// What came of redriving several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Whether this only tells what would be done.
    pub dry_run: bool,
    /// The runs that go on.
    pub runs: Vec<String>,
    /// Those that cannot.
    pub skipped: Vec<Skipped>,
    /// Whether there are more that were asked for.
    pub more: bool,
    /// Whether it ended early, because too many that were redriven are under way.
    pub full: bool,
    /// The last that was looked at: to go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// A run that cannot be redriven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its public id.
    pub id: String,
    /// Why.
    pub why: String,
}

impl Summary {
    /// A run of the store.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            id: run.public_id.clone(),
            pathway: run.pathway.clone(),
            status: run.status.name().to_owned(),
            doing: None,
            created_at: time(run.created_at),
            finished_at: run.finished_at.and_then(time),
            subject: run.subject.clone(),
            lane: run.lane.clone(),
            rerun_of: run.rerun_of.clone(),
            source: run.source.as_ref().map(|at| (at.topic.clone(), at.partition, at.offset)),
            failure: outcome::of(run).and_then(Result::err).map(|failure| Failed::of(&failure)),
        }
    }

    /// With what it does.
    #[must_use]
    pub fn with_doing(self, doing: Option<Doing>) -> Self {
        Self { doing: doing.map(|doing| doing.name().to_owned()), ..self }
    }

    /// What it does, or else where it stands.
    #[must_use]
    pub fn now(&self) -> &str {
        self.doing.as_deref().unwrap_or(&self.status)
    }
}

impl Failed {
    fn of(failure: &Failure) -> Self {
        Self {
            class: failure.class.name().to_owned(),
            message: failure.message.clone(),
            code: failure.code.clone(),
            status: failure.status,
            step: failure.step.clone(),
            attempts: failure.attempts,
            details: failure.details.as_ref().map(value::to_serde),
        }
    }
}

impl Detail {
    /// A run, and what happened in it.
    #[must_use]
    pub fn of(run: &Run, story: &Story) -> Self {
        let mut steps = steps(&story.happened);
        let steps_omitted = steps.len().saturating_sub(STEPS);
        steps.truncate(STEPS);
        Self {
            summary: Summary::of(run),
            digest: run.digest.clone(),
            correlation_id: run.correlation.clone(),
            reruns: Vec::new(),
            steps,
            steps_omitted,
            waits: story.waits.iter().map(Waits::of).collect(),
            untold: story.untold.clone(),
        }
    }

    /// With what it does.
    #[must_use]
    pub fn with_doing(self, doing: Option<Doing>) -> Self {
        Self { summary: self.summary.with_doing(doing), ..self }
    }

    /// With the runs that run it again.
    #[must_use]
    pub fn with_reruns(self, reruns: &[Run]) -> Self {
        Self { reruns: reruns.iter().map(|run| run.public_id.clone()).collect(), ..self }
    }
}

/// One entry per execution of a step.
fn steps(happened: &[Trace]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for Trace { instance, change, .. } in happened {
        let place = *places.entry(instance).or_insert(steps.len());
        if place == steps.len() {
            let (path, status) = (instance.clone(), StepStatus::Running);
            steps.push(Step { path, status, attempts: 0, retry_at: None, failure: None });
        }
        let Some(step) = steps.get_mut(place) else { continue };
        step.retry_at = None;
        match change {
            Change::Begun { attempt } => step.attempts = *attempt,
            Change::Retrying { at, failure, .. } => {
                (step.retry_at, step.failure) = (Some(*at), Some(Failed::of(failure)));
            }
            Change::Finished { .. } => step.failure = None,
            Change::Failed { failure } => step.failure = Some(Failed::of(failure)),
            Change::Chose { .. } | Change::Kept { .. } | Change::Skipped | Change::Cancelled => {}
        }
        step.status = StepStatus::after(change).unwrap_or(step.status);
    }
    steps
}

impl Waits {
    fn of(waiting: &Waiting) -> Self {
        let none = |what: &str| Self {
            what: what.to_owned(),
            name: None,
            step: None,
            until: None,
            attempt: None,
            holders: Vec::new(),
        };
        let named = |what: &str, name: &str, step: &str| Self {
            name: Some(name.to_owned()),
            step: Some(step.to_owned()),
            ..none(what)
        };
        match waiting {
            Waiting::Elsewhere(home) => Self { name: Some(home.to_string()), ..none("elsewhere") },
            Waiting::Lane(key) => Self { name: Some(key.clone()), ..none("lane") },
            Waiting::Slots { limit, step, holders } => Self {
                name: Some(limit.clone()),
                step: step.clone(),
                holders: holders.clone(),
                ..none("slot")
            },
            Waiting::Circuit { service, step, until } => {
                Self { until: *until, ..named("circuit", service, step) }
            }
            Waiting::Call { service, step, attempt } => {
                Self { attempt: Some(*attempt), ..named("call", service, step) }
            }
            Waiting::Signal { name, step } => named("signal", name, step),
            Waiting::Claim { key, step, holder } => {
                Self { holders: holder.iter().cloned().collect(), ..named("claim", key, step) }
            }
            Waiting::Child { pathway, step } => named("run", pathway, step),
            Waiting::Timer(at) => Self { until: Some(*at), ..none("timer") },
        }
    }
}

fn time(at: Millis) -> Option<Timestamp> {
    Timestamp::from_millisecond(at).ok()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
