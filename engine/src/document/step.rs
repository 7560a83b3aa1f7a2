//! A step: one verb and its modifiers.

use std::time::Duration;

use super::block::BLOCK;
use super::fields::{list, whole};
use super::retry::RETRY;
use super::{Block, Compensate, Fields, Reader, Retry};
use super::{allow, scalar};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Expression;
use crate::reference::{Field, Object, Of, Rule, Takes, Word};
use crate::source::{Entry, Kind, Node, Span, Spanned};
use crate::steps::{self, Action};

const NO_VERB: Code = Code("PW0210");
const TWO_VERBS: Code = Code("PW0211");
const MODIFIER_WITHOUT: Code = Code("PW0213");
const RESERVED_NAME: Code = Code("PW0216");
const GUARD_MODIFIER: Code = Code("PW0214");

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

/// `each` and what goes with it.
#[derive(Debug)]
pub struct Each {
    /// The list.
    pub list: Expression,
    /// What an item is called; `item` where nothing is said.
    pub alias: Spanned<String>,
    /// Items for which it is false are left out.
    pub filter: Option<Expression>,
    /// Items at once; none: the pathway's `max_parallel`.
    pub max_parallel: Option<u32>,
    /// A failed item is none; otherwise the first failure ends the step.
    pub keep_going: bool,
}

/// `while` and its `limit`.
#[derive(Debug)]
pub struct Repeat {
    /// Tested after each run, with `last`.
    pub test: Expression,
    /// Runs at most.
    pub limit: u32,
}

/// `on_error`.
#[derive(Debug)]
pub enum OnError {
    /// The output is none.
    Continue,
    /// The output is the block's.
    Block(Block),
}

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

/// Names that no step can have: paths have them for what belongs to a step.
pub(crate) const RESERVED: [&str; 2] = ["on_error", Compensate::NAME];

fn is_modifier(name: &str) -> bool {
    MODIFIERS.fields.iter().any(|field| field.name == name)
}

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

/// Finds the one verb of a step and reads it.
fn parse_verb(
    node: &Node,
    what: &str,
    span: Span,
    fields: &mut Fields<'_>,
    reader: &mut Reader<'_>,
) -> Option<(&'static str, Box<dyn Action>)> {
    let entries = node.as_map().unwrap_or_default();
    let verbs: Vec<_> =
        entries.iter().filter_map(|entry| Some((entry, steps::verb(&entry.key.value)?))).collect();
    // `return` beside `steps` belongs to the block.
    let is_block = verbs.iter().any(|(entry, _)| entry.key.value == "steps");
    let verbs: Vec<_> =
        verbs.into_iter().filter(|(entry, _)| !(is_block && entry.key.value == "return")).collect();
    match verbs.as_slice() {
        [(_, spec)] => {
            let modifiers = MODIFIERS.fields.iter().map(|field| field.name);
            for name in steps::VERBS.iter().map(|spec| spec.name).chain(modifiers) {
                fields.knows(name);
            }
            (spec.parse)(node, what, reader).map(|action| (spec.name, action))
        }
        [] => {
            let names: Vec<_> = steps::VERBS.iter().map(|spec| spec.name).collect();
            let mut diagnostic = Diagnostic::error(NO_VERB, format!("{what} has no verb"))
                .at(span, "does nothing")
                .help(format!("give it one of {}", list(&names)));
            let unknown = entries.iter().find(|entry| !is_modifier(&entry.key.value));
            if let Some(entry) = unknown {
                diagnostic = diagnostic
                    .at(entry.key.span, "not a verb")
                    .suggest(&entry.key.value, names.iter().copied());
                // Said here; not once more as an unknown key.
                fields.ignore_rest();
            }
            reader.diagnostics.push(diagnostic);
            None
        }
        [(first, _), (second, _), ..] => {
            let (a, b) = (&first.key, &second.key);
            reader.diagnostics.push(
                Diagnostic::error(
                    TWO_VERBS,
                    format!("{what} has two verbs, `{}` and `{}`", a.value, b.value),
                )
                .at(b.span, "second verb")
                .at(a.span, "first verb")
                .help("make two steps of it"),
            );
            fields.ignore_rest();
            None
        }
    }
}

/// The modifiers of a step.
struct Modifiers {
    needs: Vec<Spanned<String>>,
    when: Option<Expression>,
    each: Option<Each>,
    once: Option<Expression>,
    on_error: Option<OnError>,
    repeat: Option<Repeat>,
    retry: Option<Retry>,
    timeout: Option<Duration>,
    at_most_once: bool,
    secret: bool,
    compensate: Option<Compensate>,
    allow: Vec<Spanned<String>>,
}

impl Modifiers {
    fn parse(fields: &mut Fields<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
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
            Some(node) => on_error(node, reader).map(Some),
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
    fn only_when(&self, what: &str, span: Span, reader: &mut Reader<'_>) -> Option<()> {
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
            let problem = super::fields::wrong_type("`needs`", "the name of a step or a list of names", node);
            reader.diagnostics.push(problem);
            None
        }
    }
}

fn on_error(node: &Node, reader: &mut Reader<'_>) -> Option<OnError> {
    match node.as_text() {
        Some(text) if text.value == "continue" => Some(OnError::Continue),
        Some(_) => {
            let problem = super::fields::wrong_type("`on_error`", "`continue` or a block", node);
            reader.diagnostics.push(problem);
            None
        }
        None => Block::parse(node, "`on_error`", reader).map(OnError::Block),
    }
}

impl Each {
    fn parse(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Option<Option<Self>> {
        let Some(node) = fields.take("each") else {
            for name in ["as", "where", "max_parallel", "keep_going"] {
                if let Some(entry) = fields.take_entry(name) {
                    reader.diagnostics.push(without(&entry.key, "each"));
                }
            }
            return Some(None);
        };
        let list = reader.bare(node, "`each`");
        let alias = match fields.take("as") {
            None => Some(Spanned::new("item".to_owned(), node.span)),
            Some(node) => scalar::word(node, "`as`", reader.diagnostics)
                .filter(|name| scalar::name(name, "an item", reader.diagnostics)),
        };
        let filter = match fields.take("where") {
            None => Some(None),
            Some(node) => reader.condition(node, "`where`").map(Some),
        };
        let max_parallel = match fields.take("max_parallel") {
            None => Some(None),
            Some(node) => scalar::count(node, "`max_parallel`", 1..=100_000, reader.diagnostics).map(Some),
        };
        let keep_going = match fields.take("keep_going") {
            None => Some(false),
            Some(node) => scalar::boolean(node, "`keep_going`", reader.diagnostics),
        };
        Some(Some(Self {
            list: list?,
            alias: alias?,
            filter: filter?,
            max_parallel: max_parallel?,
            keep_going: keep_going?,
        }))
    }
}

impl Repeat {
    fn parse(fields: &mut Fields<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Option<Self>> {
        let test = fields.take_entry("while");
        let limit = fields.take_entry("limit");
        match (test, limit) {
            (None, None) => Some(None),
            (None, Some(limit)) => {
                reader.diagnostics.push(without(&limit.key, "while"));
                None
            }
            (Some(test), None) => {
                reader.diagnostics.push(
                    Diagnostic::error(MODIFIER_WITHOUT, "`while` needs `limit`")
                        .at(test.key.span, "could go on for ever")
                        .at(span, "in this step")
                        .help("say how often it may run at most: `limit: 100`"),
                );
                None
            }
            (Some(test), Some(limit)) => {
                let test = reader.condition(&test.value, "`while`");
                let limit = scalar::count(&limit.value, "`limit`", 1..=1_000_000, reader.diagnostics);
                Some(Some(Self { test: test?, limit: limit? }))
            }
        }
    }
}

/// A key that only goes with another one.
#[must_use]
pub fn without(key: &Spanned<String>, wanted: &str) -> Diagnostic {
    Diagnostic::error(MODIFIER_WITHOUT, format!("`{}` means nothing without `{wanted}`", key.value))
        .at(key.span, format!("there is no `{wanted}` beside it"))
}
