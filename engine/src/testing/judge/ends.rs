//! How a run ended, whether it could, and what it left.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;

use super::{Problem, compare};
use crate::document::scalar;
use crate::testing::case::Case;
use crate::testing::record::{Record, State};
use crate::testing::world::{Outcome, Stuck, Unanswered, Waits, Why};
use crate::value::to_serde;
use crate::vm::Failure;

/// Calls that nothing answers.
pub(super) fn unanswered(case: &Case, outcome: &Outcome<'_>) -> Vec<Problem> {
    // Executions of a step that were begun at once lack the same mock.
    let mut seen = BTreeSet::new();
    let first =
        outcome.unanswered.iter().filter(|call| !matches!(call.why, Why::NoMock) || seen.insert(&call.path));
    let all = first.map(|call| {
        let span = call.span.unwrap_or(case.name.span);
        let Unanswered { name, line, service, .. } = call;
        match &call.why {
            Why::NoMock => Problem::new(span, format!("`{name}` calls `{service}`, and no mock answers"))
                .help(format!(
                    "{line}\nanswer it, in `mocks` of the case or of the file:\n  {}: {}\nor every such call:\n  {}: {}",
                    call.path, call.form, call.by_service, call.form
                )),
            Why::Exhausted { mock, name: key, answers } => {
                let times = if *answers == 1 { "one answer".to_owned() } else { format!("{answers} answers") };
                Problem::new(*mock, format!("the mock `{key}` has {times}, and `{name}` asks once more"))
                    .at(Some(span), "this step calls")
                    .help(format!("{line}\nadd an answer to the list, or write one answer without a list for all of them"))
            }
            Why::Unfit { mock, reason } => {
                Problem::new(mock.unwrap_or(span), format!("this cannot answer `{name}`"))
                    .at(Some(span), "the step")
                    .help(format!("{line}\n{reason}"))
            }
        }
    });
    all.collect()
}

/// What is waited for, and never comes.
pub(super) fn stuck(case: &Case, outcome: &Outcome<'_>) -> Vec<Problem> {
    if outcome.ended.is_some() {
        return Vec::new();
    }
    let mut all: Vec<Problem> = outcome.stuck.iter().map(|stuck| waits(case, stuck)).collect();
    if all.is_empty() {
        all.push(Problem::new(case.name.span, "the run does not end, and waits for nothing"));
    }
    all
}

fn waits(case: &Case, Stuck { name, span, what }: &Stuck) -> Problem {
    match what {
        Waits::Signal { name: signal, from } => {
            let from = from.as_ref().map(|from| format!(", from: {from}")).unwrap_or_default();
            Problem::new(
                case.name.span,
                format!("`{name}` waits for the signal `{signal}`, which never comes"),
            )
            .at(*span, "this step waits")
            .help(match name.rsplit_once('/') {
                // Signals of a case come to its own run.
                Some((caller, _)) => {
                    format!("it is in a pathway that is called: mock the call\n  {caller}: {{ return: … }}")
                }
                None => format!("say when it comes:\n  signals: [{{ name: {signal}{from}, after: 1m }}]"),
            })
        }
        Waits::Claim { key } => {
            let message =
                format!("`{name}` waits for its claim `{key}`, which another execution never gives back");
            Problem::new(case.name.span, message).at(*span, "this step claims")
        }
        Waits::Endless => Problem::new(case.name.span, "the run goes on without end")
            .help("give it an answer or a signal that ends it"),
    }
}

/// How the run ended, where that is another way than expected.
pub(super) fn end(case: &Case, outcome: &Outcome<'_>) -> Option<Problem> {
    let (expect, record) = (&case.expect, &outcome.record);
    match (outcome.ended.as_ref()?, &expect.error) {
        (Ok(value), None) => compare(
            expect.returns.as_ref()?,
            ("return", Some(&to_serde(value))),
            "the return is another than expected",
        ),
        (Ok(value), Some(error)) => {
            Some(Problem::differs(error.span, "the run did not fail", error.shown(), Some(to_serde(value))))
        }
        (Err(failure), Some(error)) => {
            let came = to_serde(&failure.to_value());
            let problem = compare(error, ("error", Some(&came)), "the failure is another than expected")?;
            Some(placed(problem, failure, record))
        }
        (Err(failure), None) => {
            let span = expect.returns.as_ref().map_or(case.name.span, |returns| returns.span);
            let message = format!("the run failed: {}: {}", failure.class.name(), failure.message);
            let mut problem = placed(Problem::new(span, message), failure, record);
            if problem.help.is_none() {
                problem.help = Some(format!(
                    "if that is how it should be: `expect: {{ error: {} }}`",
                    failure.class.name()
                ));
            }
            Some(problem)
        }
    }
}

/// Says where a failure arose.
fn placed(mut problem: Problem, failure: &Failure, record: &Record) -> Problem {
    // A failure of a run that was called is its caller's too: the first is where it arose.
    let is_same = |other: &Failure| other.message == failure.message && other.class == failure.class;
    let origin = record
        .steps
        .iter()
        .filter(|step| step.state == State::Failed && step.failure.as_ref().is_some_and(is_same))
        .max_by_key(|step| step.name.len());
    let attempts = match failure.attempts {
        0 | 1 => String::new(),
        count => format!(", after {count} attempts"),
    };
    let failed = origin.and_then(|step| Some((step.span?, format!("`{}` failed{attempts}", step.name))));
    problem.places.extend(failed);
    let place = failure.place.or_else(|| origin?.failure.as_ref()?.place);
    problem.places.extend(place.map(|place| (place, "in this expression".to_owned())));
    for violation in failure.violations.iter().take(5) {
        let pointer = if violation.pointer.is_empty() { "/" } else { &violation.pointer };
        let line = format!("`{pointer}` {}", violation.detail);
        problem.help = Some(problem.help.map_or(line.clone(), |help| format!("{help}\n{line}")));
    }
    problem
}

/// Virtual time that is longer or shorter than expected.
pub(super) fn took(case: &Case, took: Duration) -> Option<Problem> {
    let expected = case.expect.took.as_ref()?;
    let value = expected.value;
    if took >= value.at_least && value.at_most.is_none_or(|most| took <= most) {
        return None;
    }
    let text = match value.at_most {
        Some(most) if most == value.at_least => scalar::written(most),
        Some(most) => format!("{} to {}", scalar::written(value.at_least), scalar::written(most)),
        None => format!("at least {}", scalar::written(value.at_least)),
    };
    let came = Json::from(scalar::written(took));
    Some(Problem::differs(expected.span, "it took another time", text.into(), Some(came)))
}

/// Mocks, claims and signals that nothing asked for.
pub(super) fn unused(outcome: &Outcome<'_>) -> Vec<Problem> {
    let mocks = outcome.unused.iter().map(|(mock, span, left)| {
        let name = &mock.name.value;
        let message = match (*left, *span == mock.name.span) {
            (_, true) => format!("nothing asked the mock `{name}`"),
            (1, _) => format!("nothing asked for the last answer of the mock `{name}`"),
            (left, _) => format!("nothing asked for the last {left} answers of the mock `{name}`"),
        };
        Problem::new(*span, message).help("take it out, or say `optional: true` in it")
    });
    let signals = outcome.unheard.iter().map(|span| {
        Problem::new(*span, "no step waited for this signal")
            .help("let it come earlier, take it out, or say `optional: true` in it")
    });
    let done = outcome.unasked.iter().map(|(step, span)| {
        Problem::new(*span, format!("step `{step}` did not ask whether this was done"))
            .help("it was not reached, or its `once` is another: say that key, or take it out")
    });
    mocks.chain(done).chain(signals).collect()
}
