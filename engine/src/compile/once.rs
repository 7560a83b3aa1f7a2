//! `once`: what its key may read, and where the step would wait for itself.
//!
//! A run holds a claim while it is at the step, and may ask for others meanwhile: those of steps inside
//! of it, and of the pathways that it calls. Where none of these calls leads back to its own pathway,
//! claims are always asked for in one order, so that runs never wait for each other.

use std::collections::BTreeSet;

use super::check::{Checker, secret_out};
use super::{Plan, Program, Step};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::Expression;
use crate::steps::{Place, Visitor};

const WAITS_FOR_ITSELF: Code = Code("PW0543");

impl Checker<'_> {
    /// Checks the key for which a step of the innermost block is done once. It is evaluated before
    /// the step runs, so what runs again binds nothing yet.
    pub(super) fn once(&mut self, once: &mut Expression) {
        let mut before = (false, None);
        if let Some(level) = self.names.levels.last_mut() {
            before = (std::mem::take(&mut level.binds.last), level.binds.error.take());
        }
        if self.expression(once, Place::Condition).is_secret() {
            self.diagnostics.push(secret_out(once.span(), "the key of `once`"));
        }
        if let Some(level) = self.names.levels.last_mut() {
            (level.binds.last, level.binds.error) = before;
        }
    }
}

/// Reports steps that are done once and call their own pathway: it would wait for them.
pub(super) fn check(program: &Program, diagnostics: &mut Diagnostics) {
    for plan in program.pathways.values() {
        let steps = plan.blocks.iter().flat_map(|block| &block.steps);
        for step in steps.filter(|step| step.once.is_some()) {
            let Some(called) = calls_of(plan, step).find(|called| leads_to(program, called, &plan.name))
            else {
                continue;
            };
            let message = format!("step `{}` would wait for itself, as it calls `{called}`", step.path);
            let mut diagnostic = Diagnostic::error(WAITS_FOR_ITSELF, message)
                .help("put the `call` into a step of its own, beside the one with `once`");
            if let Some(place) = plan.place(&step.path) {
                let label = match *called == *plan.name {
                    true => "done once, and inside of it once more".to_owned(),
                    false => format!("`{called}` calls `{}` again", plan.name),
                };
                diagnostic = diagnostic.at(place, label);
            }
            diagnostics.push(diagnostic);
        }
    }
}

/// The pathways that a step calls, and those inside of it.
fn calls_of<'a>(plan: &'a Plan, step: &'a Step) -> impl Iterator<Item = &'a str> {
    let inside = format!("{}.", step.path);
    let steps = plan.blocks.iter().flat_map(|block| &block.steps);
    let calls = steps.filter(|other| other.verb == "call");
    let calls = calls.filter(move |other| *other.path == *step.path || other.path.starts_with(&inside));
    calls.filter_map(|step| step.action.target())
}

/// Whether a run of `from` may call one of `to`, or is one.
fn leads_to(program: &Program, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name)
            && let Some(plan) = program.pathways.get(name)
        {
            next.extend(plan.calls());
        }
    }
    false
}
