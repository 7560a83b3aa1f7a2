//! A step: one verb and its modifiers.

mod each;
mod modifiers;
mod on_error;
mod repeat;
mod verb;

use std::time::Duration;

pub use self::each::Each;
use self::modifiers::Modifiers;
pub use self::modifiers::without;
pub(crate) use self::modifiers::{MODIFIERS, OF_GUARDS};
pub use self::on_error::OnError;
pub use self::repeat::Repeat;
use self::verb::parse_verb;
use super::{Compensate, Fields, Reader, Retry, scalar};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Expression;
use crate::source::{Entry, Span, Spanned};
use crate::steps::Action;

const RESERVED_NAME: Code = Code("PW0216");

/// A named node of a block.
#[derive(Debug)]
pub struct Step {
    /// Its name, unique in its block.
    pub name: Spanned<String>,
    /// Steps that it waits for although it reads nothing of them.
    pub needs: Vec<Spanned<String>>,
    /// Whether it runs at all.
    pub when: Option<Expression>,
    /// Runs once per item.
    pub each: Option<Each>,
    /// The key for which one run does it, of all runs of the pathway; where it is none, each does.
    pub once: Option<Expression>,
    /// What catches its failure.
    pub on_error: Option<OnError>,
    /// Runs again while a condition holds.
    pub repeat: Option<Repeat>,
    /// Its own retry policy; it also binds `error`.
    pub retry: Option<Retry>,
    /// Of one attempt.
    pub timeout: Option<Duration>,
    /// An unknown outcome is an error, not a second call.
    pub at_most_once: bool,
    /// Its output is secret.
    pub secret: bool,
    /// What undoes it.
    pub compensate: Option<Compensate>,
    /// Warnings that are meant here.
    pub allow: Vec<Spanned<String>>,
    /// All of it.
    pub span: Span,
    /// The name of its verb.
    pub verb: &'static str,
    /// What it does.
    pub action: Box<dyn Action>,
}

/// Names that no step can have: paths have them for what belongs to a step.
pub(crate) const RESERVED: [&str; 2] = ["on_error", Compensate::NAME];

impl Step {
    /// Reads a step from an entry of `steps`.
    pub fn parse(entry: &Entry, reader: &mut Reader<'_>) -> Option<Self> {
        let named = named(&entry.key, reader);
        let what = format!("step `{}`", entry.key.value);
        let step = Self::parse_unnamed(entry, &what, reader)?;
        named.then_some(step)
    }

    /// Reads a step whose name is not its author's; `what` is what messages call it.
    pub(super) fn parse_unnamed(entry: &Entry, what: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(&entry.value, what, reader.diagnostics)?;
        let span = entry.key.span;

        let action = parse_verb(&entry.value, what, span, &mut fields, reader);
        let modifiers = Modifiers::parse(&mut fields, span, reader);
        fields.finish(reader.diagnostics);
        let ((verb, action), modifiers) = (action?, modifiers?);
        if action.is_guard() {
            modifiers.only_when(what, span, reader)?;
        }
        Some(Self {
            name: entry.key.clone(),
            needs: modifiers.needs,
            when: modifiers.when,
            each: modifiers.each,
            once: modifiers.once,
            on_error: modifiers.on_error,
            repeat: modifiers.repeat,
            retry: modifiers.retry,
            timeout: modifiers.timeout,
            at_most_once: modifiers.at_most_once,
            secret: modifiers.secret,
            compensate: modifiers.compensate,
            allow: modifiers.allow,
            span: span.to(entry.value.span),
            verb,
            action,
        })
    }
}

/// Any name but those that paths have for the steps of an `on_error` and a `compensate`.
fn named(name: &Spanned<String>, reader: &mut Reader<'_>) -> bool {
    let help = match name.value.as_str() {
        "on_error" => "if it is what happens when they fail, put it beside `steps`, not below",
        Compensate::NAME => "if it is what undoes a step, put it into that step, beside its verb",
        _ => return scalar::name(name, "a step", reader.diagnostics),
    };
    reader.diagnostics.push(
        Diagnostic::error(RESERVED_NAME, format!("`{}` cannot be the name of a step", name.value))
            .at(name.span, "stands among the steps")
            .help(help),
    );
    false
}
