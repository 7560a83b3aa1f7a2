//! The spans of a run: itself, below what started it; the executions of its steps, below those that they are
//! part of; and what these ask for, attempt by attempt. What a service was told as `traceparent` is the span of
//! the attempt, and what a record was given is the span of its publishing.
//!
//! Names, statuses and times are told, and what failures say. Inputs, outputs, paths and queries are not.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use pathway_engine::compile::step_path;
use pathway_engine::vm::{Class, Failure, Method, Trace};

use super::span::{Kind, Span};
use crate::operations::{Attempt, End, executions, turn};
use crate::store::{Offset, Status};
use crate::trace::TraceContext;

/// Spans of one run; of one that did more the first ones are told.
const MOST: usize = 1_000;

/// A run that has ended, or was parked: what is known without its journal.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Its public id.
    pub(crate) run: String,
    /// Its pathway.
    pub(crate) pathway: Arc<str>,
    /// What is above it.
    pub(crate) above: TraceContext,
    /// How often it was redriven.
    pub(crate) redrives: u32,
    /// The record that started it.
    pub(crate) source: Option<(String, i32, Offset)>,
    /// When it was admitted, where that is known still.
    pub(crate) from: Option<Timestamp>,
    /// When it ended.
    pub(crate) to: Timestamp,
    /// How.
    pub(crate) status: Status,
    /// Why it failed.
    pub(crate) failure: Option<(Class, String)>,
    /// Whether the store has its journal.
    pub(crate) has_journal: bool,
}

/// What a run did, since it began or was redriven last.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// When that was.
    pub(crate) since: Timestamp,
    /// What happened to its steps.
    pub(crate) happened: Vec<Trace>,
    /// What attempts asked for.
    pub(crate) asked: HashMap<(String, u32), Asked>,
}

/// What an attempt asked for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A call of a service.
    Call {
        /// The service.
        service: Arc<str>,
        /// How.
        method: Method,
        /// Its host and port, where they are no secret.
        address: Option<(String, u16)>,
        /// With which status it was answered.
        status: Option<u16>,
        /// Whether that is an answer, as its step sees it.
        is_answered: bool,
        /// For how many milliseconds it ran, once it had its turn.
        took: Option<u64>,
    },
    /// A record on a topic.
    Record {
        /// As it is called on the bus.
        topic: String,
        /// What it was given.
        place: TraceContext,
    },
    /// A run of another pathway.
    Run {
        /// Which.
        pathway: Arc<str>,
    },
}

/// The spans of a run, the run's own first.
pub(super) fn spans(ended: &Ended, course: Option<&Course>, system: &'static str) -> Vec<Span> {
    let place = ended.above.of_run(&ended.run, ended.redrives);
    let mut spans = vec![of_run(ended, place, course, system)];
    let Some(course) = course else { return spans };
    let mut executions = executions(&course.happened);
    for execution in &mut executions {
        // What was over when the run was redriven was told when it was parked.
        let goes_on = |attempt: &Attempt<'_>| attempt.to.is_none_or(|to| to > course.since);
        execution.attempts.retain(|attempt| goes_on(attempt) || attempt.from >= course.since);
    }
    executions.retain(|execution| !execution.attempts.is_empty());
    let known: HashSet<&str> = executions.iter().map(|execution| execution.path).collect();
    let teller = Teller { ended, course, place, system };
    for execution in &executions {
        let (Some(first), Some(last)) = (execution.attempts.first(), execution.attempts.last()) else {
            continue;
        };
        let above = enclosing(execution.path, &known).map_or(place, |path| place.of_step(path));
        let own = place.of_step(execution.path);
        let times = (teller.from(first), teller.to(last));
        let mut step = Span::new((own, Some(above.span())), step_path(execution.path), Kind::Internal, times)
            .with("pathway.step", step_path(execution.path))
            .with("pathway.step.execution", execution.path.to_owned())
            .with("pathway.step.attempts", last.number);
        end(&mut step, last.end.as_ref());
        spans.push(step);
        let attempts = execution.attempts.iter();
        spans.extend(attempts.filter_map(|attempt| teller.attempt(execution.path, own, attempt)));
    }
    let omitted = spans.len().saturating_sub(MOST);
    spans.truncate(MOST);
    if let Some(run) = spans.first_mut().filter(|_| omitted > 0) {
        run.say("pathway.spans.omitted", i64::try_from(omitted).unwrap_or(i64::MAX));
    }
    spans
}

fn of_run(ended: &Ended, place: TraceContext, course: Option<&Course>, system: &'static str) -> Span {
    let parent = Some(ended.above.span()).filter(|_| !ended.above.begins_with(&ended.run));
    let (name, kind) = match &ended.source {
        Some((topic, ..)) => (format!("process {topic}"), Kind::Consumer),
        None => (format!("run {}", ended.pathway), Kind::Internal),
    };
    let began = course.map(|course| course.since);
    let from = began.or(ended.from).unwrap_or(ended.to);
    let mut span = Span::new((place, parent), name, kind, (from, ended.to))
        .with("pathway.name", ended.pathway.to_string())
        .with("pathway.run.id", ended.run.clone())
        .with("pathway.run.status", ended.status.name());
    if let Some((topic, partition, offset)) = &ended.source {
        span.say("messaging.system", system);
        span.say("messaging.operation.name", "process");
        span.say("messaging.operation.type", "process");
        span.say("messaging.destination.name", topic.clone());
        span.say("messaging.destination.partition.id", partition.to_string());
        let name = if system == "kafka" { "messaging.kafka.offset" } else { "pathway.record.offset" };
        span.say(name, *offset);
    }
    if ended.redrives > 0 {
        span.say("pathway.run.redrives", ended.redrives);
    }
    match &ended.failure {
        None => span.went_well(),
        Some((class, message)) => {
            span.fail(class.name(), message);
            span
        }
    }
}

/// What all spans of a run are told by.
struct Teller<'a> {
    ended: &'a Ended,
    course: &'a Course,
    place: TraceContext,
    system: &'static str,
}

impl Teller<'_> {
    fn from(&self, attempt: &Attempt<'_>) -> Timestamp {
        attempt.from.max(self.course.since)
    }

    /// What was under way when the run ended ended with it.
    fn to(&self, attempt: &Attempt<'_>) -> Timestamp {
        attempt.to.unwrap_or(self.ended.to)
    }

    /// What an attempt asked for, if it did.
    fn attempt(&self, path: &str, step: TraceContext, attempt: &Attempt<'_>) -> Option<Span> {
        let asked = self.course.asked.get(&(path.to_owned(), attempt.number))?;
        let (from, to) = (self.from(attempt), self.to(attempt));
        let at = (self.place.of_attempt(path, attempt.number), Some(step.span()));
        let mut span = match asked {
            Asked::Call { service, method, address, status, took, .. } => {
                let turn = turn((from, to), *took);
                let queued = turn.duration_since(from).as_millis();
                let mut span = Span::new(at, method.name(), Kind::Client, (turn, to))
                    .with("http.request.method", method.name())
                    .with("pathway.service", service.to_string())
                    .with("pathway.queue.ms", i64::try_from(queued).unwrap_or(i64::MAX));
                if let Some((host, port)) = address {
                    span.say("server.address", host.clone());
                    span.say("server.port", *port);
                }
                if let Some(status) = status {
                    span.say("http.response.status_code", *status);
                }
                if attempt.number > 1 {
                    span.say("http.request.resend_count", attempt.number - 1);
                }
                span
            }
            Asked::Record { topic, place } => Span::send((*place, at.1), topic, self.system, (from, to)),
            Asked::Run { pathway } => Span::new(at, format!("call {pathway}"), Kind::Internal, (from, to))
                .with("pathway.called", pathway.to_string()),
        };
        span.say("pathway.step.attempt", attempt.number);
        match (&attempt.end, asked) {
            // Its step may have failed for another reason; that it went well is for whoever asked to judge.
            (_, Asked::Call { is_answered: true, .. }) => {}
            (Some(End::Failed(failure)), Asked::Call { status: Some(status), .. }) => {
                span.say("pathway.error.class", failure.class.name());
                span.fail(status.to_string(), &failure.message);
            }
            (ended, _) => end(&mut span, ended.as_ref()),
        }
        Some(span)
    }
}

fn end(span: &mut Span, how: Option<&End<'_>>) {
    match how {
        Some(End::Failed(Failure { class, message, .. })) => span.fail(class.name(), message),
        Some(End::Finished) => span.outcome = Some(Ok(())),
        Some(End::Cancelled) => span.say("pathway.cancelled", "true"),
        None => {}
    }
}

/// The execution that another one is part of. A further iteration is part of none before it.
fn enclosing<'a>(path: &'a str, known: &HashSet<&str>) -> Option<&'a str> {
    let marks = path.char_indices().rev().filter(|(_, c)| ['.', '[', '#', '!'].contains(c));
    marks.filter_map(|(at, _)| path.get(..at)).find(|above| known.contains(above))
}
