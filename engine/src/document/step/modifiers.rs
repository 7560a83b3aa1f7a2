//! What may stand beside the verb of a step.

use std::time::Duration;

use super::{Each, OnError, Repeat};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::block::BLOCK;
use crate::document::fields::{whole, wrong_type};
use crate::document::retry::RETRY;
use crate::document::{Compensate, Fields, Reader, Retry, allow, scalar};
use crate::expression::Expression;
use crate::reference::{Field, Object, Of, Rule, Takes, Word};
use crate::source::{Kind, Node, Span, Spanned};

pub(super) const MODIFIER_WITHOUT: Code = Code("PW0213");
const GUARD_MODIFIER: Code = Code("PW0214");

/// The modifiers.
pub(crate) static MODIFIERS: Object = Object::with(
    "modifiers",
    &[
        Field::new(
            "needs",
            Takes::OneOf(&[Takes::Name(Of::Step), Takes::List(&Takes::Name(Of::Step))]),
            "waits for steps that are not read",
        ),
        Field::new("when", Takes::Condition, "skips the step where it is false"),
        Field::new("each", Takes::Expression, "a list: runs once per item, and puts out the list of outputs"),
        Field::new("as", Takes::Name(Of::New), "what an item of `each` is called; else `item`"),
        Field::new("where", Takes::Condition, "leaves items of `each` out"),
        Field::new("max_parallel", Takes::Count(1, 100_000), "items of `each` at once; else the pathway's"),
        Field::new(
            "keep_going",
            Takes::Flag,
            "an item of `each` that fails is none; otherwise the first failure ends the step",
        ),
        Field::new("once", Takes::Expression, "of all runs of the pathway with that key, one does it"),
        Field::new(
            "on_error",
            Takes::OneOf(&[Takes::Words(CONTINUE), Takes::Object(&BLOCK)]),
            "what catches its failure: `continue`, or a block that sees `error`",
        ),
        Field::new("while", Takes::Condition, "runs, then tests, with `last`, whether to run again"),
        Field::new("limit", Takes::Count(1, 1_000_000), "how often `while` may run it at most"),
        Field::new("retry", Takes::Object(&RETRY), "attempts a failed step again"),
        Field::new("timeout", Takes::Duration, "of one attempt"),
        Field::new(
            "at_most_once",
            Takes::Flag,
            "a call whose outcome is not known, as after a crash, is an error and not a second call",
        ),
        Field::new("secret", Takes::Flag, "the output is secret"),
        Field::new("compensate", Takes::Compensation, "undoes the step, if what it is a part of fails later"),
        allow::FIELD,
    ],
    &[
        Rule::With("as", "each"),
        Rule::With("where", "each"),
        Rule::With("max_parallel", "each"),
        Rule::With("keep_going", "each"),
        Rule::With("while", "limit"),
        Rule::With("limit", "while"),
    ],
);
const CONTINUE: &[Word] = &[Word("continue", "the output of a failed step is none")];

/// The modifiers that mean something on a step that ends its block.
pub(crate) const OF_GUARDS: [&str; 4] = ["needs", "when", "at_most_once", "secret"];

pub(super) fn is_modifier(name: &str) -> bool {
    MODIFIERS.fields.iter().any(|field| field.name == name)
}

/// The modifiers of a step.
pub(super) struct Modifiers {
    pub(super) needs: Vec<Spanned<String>>,
    pub(super) when: Option<Expression>,
    pub(super) each: Option<Each>,
    pub(super) once: Option<Expression>,
    pub(super) on_error: Option<OnError>,
    pub(super) repeat: Option<Repeat>,
    pub(super) retry: Option<Retry>,
    pub(super) timeout: Option<Duration>,
    pub(super) at_most_once: bool,
    pub(super) secret: bool,
    pub(super) compensate: Option<Compensate>,
    pub(super) allow: Vec<Spanned<String>>,
}

impl Modifiers {
    pub(super) fn parse(fields: &mut Fields<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let needs = match fields.take("needs") {
            None => Some(Vec::new()),
            Some(node) => needs(node, reader),
        };
        let when = match fields.take("when") {
            None => Some(None),
            Some(node) => reader.condition(node, "`when`").map(Some),
        };
        let each = Each::parse(fields, reader);
        let once = match fields.take("once") {
            None => Some(None),
            Some(node) => reader.optional(node, "`once`").map(Some),
        };
        let on_error = match fields.take("on_error") {
            None => Some(None),
            Some(node) => OnError::parse(node, reader).map(Some),
        };
        let repeat = Repeat::parse(fields, span, reader);
        let retry = match fields.take("retry") {
            None => Some(None),
            Some(node) => Retry::parse(node, &reader.project.service.retry, reader.diagnostics).map(Some),
        };
        let timeout = match fields.take("timeout") {
            None => Some(None),
            Some(node) => scalar::duration(node, "`timeout`", reader.diagnostics).map(Some),
        };
        let mut flag = |name| match fields.take(name) {
            None => Some(false),
            Some(node) => scalar::boolean(node, &format!("`{name}`"), reader.diagnostics),
        };
        let (at_most_once, secret) = (flag("at_most_once"), flag("secret"));
        let compensate = match fields.take_entry("compensate") {
            None => Some(None),
            Some(entry) => Compensate::parse(entry, reader).map(Some),
        };
        let allow = match fields.take("allow") {
            None => Some(Vec::new()),
            Some(node) => allow::parse(node, reader.diagnostics),
        };
        Some(Self {
            needs: needs?,
            when: when?,
            each: each?,
            once: once?,
            on_error: on_error?,
            repeat: repeat?,
            retry: retry?,
            timeout: timeout?,
            at_most_once: at_most_once?,
            secret: secret?,
            compensate: compensate?,
            allow: allow?,
        })
    }

    /// A guard ends its block, so only `when` and `needs` make sense on it.
    pub(super) fn only_when(&self, what: &str, span: Span, reader: &mut Reader<'_>) -> Option<()> {
        let bare = self.each.is_none()
            && self.once.is_none()
            && self.on_error.is_none()
            && self.repeat.is_none()
            && self.retry.is_none()
            && self.timeout.is_none()
            && self.compensate.is_none();
        if !bare {
            reader.diagnostics.push(
                Diagnostic::error(
                    GUARD_MODIFIER,
                    format!("{what} ends its block and can only have `when` and `needs`"),
                )
                .at(span, "a guard")
                .help("put it into a block (`steps`) that has the modifier"),
            );
        }
        bare.then_some(())
    }
}

fn needs(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<Spanned<String>>> {
    match &node.kind {
        Kind::List(items) => {
            whole(items.iter().map(|item| scalar::word(item, "an item of `needs`", reader.diagnostics)))
        }
        Kind::Text(text) => Some(vec![Spanned::new(text.value.clone(), text.span)]),
        _ => {
            let problem = wrong_type("`needs`", "the name of a step or a list of names", node);
            reader.diagnostics.push(problem);
            None
        }
    }
}

/// A key that only goes with another one.
#[must_use]
pub fn without(key: &Spanned<String>, wanted: &str) -> Diagnostic {
    Diagnostic::error(MODIFIER_WITHOUT, format!("`{}` means nothing without `{wanted}`", key.value))
        .at(key.span, format!("there is no `{wanted}` beside it"))
}
