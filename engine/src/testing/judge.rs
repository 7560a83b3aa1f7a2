//! What is another than expected.

mod calls;
mod ends;

use std::time::Duration;

use serde_json::Value as Json;

use super::case::Case;
use super::coverage::Reached;
use super::expect::StepExpect;
use super::pattern::{Mismatch, Pattern};
use super::record::{Record, State, Step};
use super::world::Outcome;
use crate::source::{Span, Spanned};
use crate::value::to_serde;
use crate::vm::Failure;

/// What came of a case.
#[derive(Debug)]
pub struct Played {
    /// What is wrong; none: it is as expected.
    pub problems: Vec<Problem>,
    /// What happened to steps, in order.
    pub steps: Vec<Step>,
    /// How the run ended; none: it did not.
    pub ended: Option<Result<Json, Failure>>,
    /// How long it took, in virtual time.
    pub took: Duration,
    /// What it has reached.
    pub reached: Reached,
    /// Which mocks of the file, by their places in it, have answered.
    pub shared_used: Vec<usize>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where what was expected stands, or what is to be changed.
    pub span: Span,
    /// One lowercase sentence.
    pub message: String,
    /// Values that are others than expected.
    pub differences: Vec<Difference>,
    /// Other places that matter, and why.
    pub places: Vec<(Span, String)>,
    /// What to do: a sentence, or lines to be copied.
    pub help: Option<String>,
}

/// A value that is another than expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where what was expected stands.
    pub span: Span,
    /// Where in the value: `return.items[0]`; empty: there is nothing but the value itself.
    pub path: String,
    /// What was expected; a map with a key that begins with `$` says what was to hold.
    pub expected: Json,
    /// What came instead; none: nothing.
    pub came: Option<Json>,
    /// What may be the reason.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), differences: Vec::new(), places: Vec::new(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn at(mut self, span: Option<Span>, why: impl Into<String>) -> Self {
        self.places.extend(span.map(|span| (span, why.into())));
        self
    }

    /// One value for another.
    fn differs(span: Span, message: impl Into<String>, expected: Json, came: Option<Json>) -> Self {
        let difference = Difference { span, path: String::new(), expected, came, help: None };
        Self { differences: vec![difference], ..Self::new(span, message) }
    }
}

/// The problem that a value, which is called `name`, is not as expected, if it is not.
fn compare(
    pattern: &Pattern,
    (name, came): (&str, Option<&Json>),
    message: impl Into<String>,
) -> Option<Problem> {
    let mut found = Vec::new();
    pattern.compare(name, came, &mut found);
    let first = found.first()?.span;
    let differences = found.into_iter().map(|Mismatch { span, path, expected, came, help }| Difference {
        span,
        path,
        expected,
        came,
        help,
    });
    Some(Problem { differences: differences.collect(), ..Problem::new(first, message) })
}

/// Compares what happened with what was expected.
pub(super) fn judge(case: &Case, outcome: Outcome<'_>) -> Played {
    let mut problems = ends::unanswered(case, &outcome);
    if problems.is_empty() {
        problems = ends::stuck(case, &outcome);
    }
    // What follows from those would only be in the way.
    if problems.is_empty() {
        problems.extend(ends::end(case, &outcome));
        let record = &outcome.record;
        for name in &case.expect.skipped {
            let step =
                StepExpect { status: Some(Spanned::new(State::Skipped, name.span)), ..StepExpect::default() };
            problems.extend(of_step(name, &step, record));
        }
        for (name, expected) in &case.expect.steps {
            problems.extend(of_step(name, expected, record));
        }
        problems.extend(calls::published(&case.expect, record));
        problems.extend(calls::emitted(&case.expect, record));
        problems.extend(calls::calls(&case.expect, record));
        problems.extend(ends::took(case, outcome.took));
        if problems.is_empty() {
            problems = ends::unused(&outcome);
        }
    }
    let (steps, reached) = outcome.record.told();
    Played {
        problems,
        ended: outcome.ended.map(|ended| ended.map(|value| to_serde(&value))),
        took: outcome.took,
        reached,
        steps,
        shared_used: outcome.shared_used.iter().filter_map(|n| case.places.get(*n).copied()).collect(),
    }
}

/// What is wrong with a step.
fn of_step(name: &Spanned<String>, expected: &StepExpect, record: &Record) -> Vec<Problem> {
    let (mut problems, what) = (Vec::new(), format!("step `{}`", name.value));
    if record.is_unknown(&name.value) {
        let problem = Problem::new(name.span, format!("there is no such execution as `{}`", name.value));
        return vec![problem.help("name one that there was, or the step alone for all of them")];
    }
    let mut step = record.step(&name.value);
    if expected.status.as_ref().is_some_and(|status| status.value == State::Skipped) {
        // None of them is to have run.
        step = record.not_skipped(&name.value).or(step);
    }
    let place = step.and_then(|step| step.span);
    let state = step.map_or(State::Skipped, |step| step.state);
    if let Some(status) = &expected.status
        && status.value != state
    {
        let mut problem = Problem::differs(
            status.span,
            format!("{what} ended in another way"),
            status.value.name().into(),
            Some(state.name().into()),
        );
        problem.help = match step.and_then(|step| step.failure.as_ref()) {
            Some(failure) => Some(format!("{}: {}", failure.class.name(), failure.message)),
            None if step.is_none() => Some("it was not reached".to_owned()),
            None => step.filter(|step| step.name != name.value).map(|step| format!("`{}` did", step.name)),
        };
        problems.push(problem.at(place, "this step"));
        return problems;
    }
    if let Some(attempts) = &expected.attempts {
        let came = step.map_or(0, |step| step.attempts);
        if came != attempts.value {
            problems.push(Problem::differs(
                attempts.span,
                format!("{what} had another number of attempts"),
                attempts.value.into(),
                Some(came.into()),
            ));
        }
    }
    let asked = record.asked_by(&name.value);
    if let Some(calls) = &expected.calls
        && usize::try_from(calls.value) != Ok(asked.len())
    {
        problems.push(Problem::differs(
            calls.span,
            format!("{what} asked another number of times"),
            calls.value.into(),
            Some(asked.len().into()),
        ));
    }
    if let Some(output) = &expected.output {
        let came = step.and_then(|step| step.output.as_ref());
        problems.extend(compare(output, ("output", came), format!("the output of {what} is another")));
    }
    if let Some(error) = &expected.error {
        let came = step.and_then(|step| step.failure.as_ref()).map(|failure| to_serde(&failure.to_value()));
        problems.extend(compare(
            error,
            ("error", came.as_ref()),
            format!("the failure of {what} is another"),
        ));
    }
    if let Some(sent) = &expected.sent {
        // A list is all that it asked for, anything else the last.
        let came = match sent.items() {
            Some(_) => Some(asked.iter().map(|asked| asked.sent.clone()).collect::<Json>()),
            None => asked.last().map(|asked| asked.sent.clone()),
        };
        problems.extend(match &came {
            Some(came) => compare(sent, ("sent", Some(came)), format!("{what} sent something else")),
            None => Some(Problem::new(sent.span, format!("{what} sent nothing")).at(place, "this step")),
        });
    }
    problems
}
