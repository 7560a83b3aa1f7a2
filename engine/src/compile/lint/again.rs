//! Blocks that are attempted again, with calls in them that are not to be made twice.
//!
//! The attempts of one call carry one `Idempotency-Key`. An attempt of a block is another execution of
//! all in it: a call that has succeeded in the first is made anew, with another key.

use super::survey::{Seen, Source, Survey};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::vm::Method;

const MADE_TWICE: Code = Code("PW0804");

pub(super) fn check(survey: &Survey, found: &mut Diagnostics) {
    for (n, step) in survey.steps.iter().enumerate() {
        let Some(call) = step.call.as_ref().filter(|_| !step.is_once && !step.is_undone) else { continue };
        let has_key = call.headers.iter().any(|name| name.to_ascii_lowercase().contains("idempot"));
        let is_one_more = matches!(call.method, Method::Post | Method::Patch);
        let Some(outer) = attempted_again_by(survey, n) else { continue };
        // What takes the failure into account is meant to be asked again.
        if !is_one_more || has_key || depends_on_failure(survey, step) || asks(step) {
            continue;
        }
        let message = format!("step `{}` may be done twice", step.name.value);
        found.push(
            Diagnostic::warning(MADE_TWICE, message)
                .at(step.name.span, "made anew, with another `Idempotency-Key`")
                .at(outer.name.span, "its `retry` runs all of it again")
                .help("give it `once`, or give `retry` to the steps that may fail instead"),
        );
    }
}

/// The innermost step around that one whose `retry` runs it again: not that of a step which it only
/// comes after.
fn attempted_again_by(survey: &Survey, step: usize) -> Option<&Seen> {
    let mut at = step;
    loop {
        let block = survey.blocks.get(survey.steps.get(at)?.block)?;
        at = block.owner?;
        let outer = survey.steps.get(at)?;
        if outer.retries && !block.comes_after {
            return Some(outer);
        }
    }
}

fn depends_on_failure(survey: &Survey, step: &Seen) -> bool {
    step.uses.iter().any(|it| match it.source {
        Source::Error => true,
        Source::Step(n) => {
            survey.steps.get(n).is_some_and(|seen| seen.uses.iter().any(|it| it.source == Source::Error))
        }
        _ => false,
    })
}

/// A call whose answer is a stream asks something, as of a model.
fn asks(step: &Seen) -> bool {
    step.call.as_ref().is_some_and(|call| call.is_stream)
}
