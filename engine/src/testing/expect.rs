//! What is expected of a case.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Setting;
use super::names::Names;
use super::pattern::{MATCHERS, Pattern};
use super::record::State;
use crate::compile::Plan;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Fields, class, list, scalar, wrong_type};
use crate::reference::{Field, Object, Of, Rule, Takes, Word};
use crate::source::{Entry, Kind, Node, Span, Spanned};

const NO_TOPIC: Code = Code("PW0827");
const BOTH_ENDS: Code = Code("PW0828");

/// Its fields.
pub(super) static EXPECT: Object = Object::with(
    "expectation",
    &[
        Field::new("return", Takes::Pattern, "what the run returns"),
        Field::new("error", FAILURE, "how it fails: its class, or a map of what `error` is in expressions"),
        Field::new("skipped", Takes::List(&Takes::Name(Of::TestedStep)), "steps that did not run"),
        Field::new(
            "steps",
            Takes::Map(&Takes::OneOf(&[Takes::Words(STATES), Takes::Object(&STEP)])),
            "by step, how it ended, or more of it",
        ),
        Field::new(
            "published",
            Takes::Map(&Takes::List(&Takes::Object(&RECORD))),
            "by topic, all records in order; `{}`: none at all",
        ),
        Field::new("emitted", Takes::Pattern, "all that was emitted"),
        Field::new(
            "calls",
            Takes::OneOf(&[
                Takes::Count(0, 1_000_000),
                Takes::List(&Takes::OneOf(&[
                    Takes::Name(Of::TestedStep),
                    Takes::Object(&SENT),
                    Takes::Object(&MATCHERS),
                ])),
            ]),
            "all calls of services, in order: a step, `SERVICE METHOD PATH`, or a map; or how many",
        ),
        Field::new("took", Takes::OneOf(&[Takes::Duration, Takes::Object(&TOOK)]), "virtual time"),
    ],
    &[Rule::AtMostOne(&["return", "error"])],
);

const FAILURE: Takes = Takes::OneOf(&[Takes::Class, Takes::Pattern]);

static STEP: Object = Object::new(
    "step",
    &[
        Field::new("status", Takes::Words(STATES), "how it ended"),
        Field::new("attempts", Takes::Count(0, 1_000_000), "how often it was attempted"),
        Field::new("calls", Takes::Count(0, 1_000_000), "how often it asked the outside"),
        Field::new("output", Takes::Pattern, "what it put out"),
        Field::new("error", FAILURE, "how it failed"),
        Field::new(
            "sent",
            Takes::OneOf(&[
                Takes::Object(&SENT),
                Takes::Object(&MATCHERS),
                Takes::List(&Takes::OneOf(&[Takes::Object(&SENT), Takes::Object(&MATCHERS)])),
            ]),
            "what it asked for; a list has one per attempt",
        ),
    ],
);

const STATES: &[Word] = &[
    Word("finished", "it has an output"),
    Word("skipped", "it did not run"),
    Word("failed", "nothing caught its failure"),
    Word("cancelled", "it was called off"),
];

/// What steps ask for, whatever their verbs.
static SENT: Object = Object::new(
    "request",
    &[
        Field::new("service", Takes::Pattern, "of `http`: which service"),
        Field::new("method", Takes::Pattern, "of `http`: `GET`, `POST`, …"),
        Field::new("path", Takes::Pattern, "of `http`: the path"),
        Field::new("query", Takes::Pattern, "of `http`: parameters"),
        Field::new("headers", Takes::Pattern, "of `http` and `publish`"),
        Field::new("json", Takes::Pattern, "of `http`: a JSON body"),
        Field::new("form", Takes::Pattern, "of `http`: a form"),
        Field::new("multipart", Takes::Pattern, "of `http`: a multipart form"),
        Field::new("body", Takes::Pattern, "of `http`: text"),
        Field::new("topic", Takes::Pattern, "of `publish`: which topic"),
        Field::new("key", Takes::Pattern, "of `publish`: the record's key"),
        Field::new("value", Takes::Pattern, "of `publish` and `emit`: the value"),
        Field::new("pathway", Takes::Pattern, "of `call`: which pathway"),
        Field::new("input", Takes::Pattern, "of `call`: its input"),
        Field::new("signal", Takes::Pattern, "of `wait`: which signal"),
        Field::new("from", Takes::Pattern, "of `wait`: who may send it"),
    ],
);

static RECORD: Object = Object::new(
    "record",
    &[
        Field::new("key", Takes::Pattern, "its key"),
        Field::new("value", Takes::Pattern, "its value"),
        Field::new("headers", Takes::Pattern, "its headers"),
    ],
);

static TOOK: Object = Object::new(
    "time",
    &[
        Field::new("at_least", Takes::Duration, "not less than that"),
        Field::new("at_most", Takes::Duration, "not more than that"),
    ],
);

/// What is expected of a case; what it does not say is not looked at.
#[derive(Debug, Default)]
pub(super) struct Expect {
    pub(super) returns: Option<Pattern>,
    pub(super) error: Option<Pattern>,
    pub(super) skipped: Vec<Spanned<String>>,
    pub(super) steps: Vec<(Spanned<String>, StepExpect)>,
    pub(super) published: Option<Published>,
    pub(super) emitted: Option<Pattern>,
    pub(super) calls: Option<Calls>,
    pub(super) took: Option<Spanned<Took>>,
}

/// What is expected of a step.
#[derive(Debug, Default)]
pub(super) struct StepExpect {
    pub(super) status: Option<Spanned<State>>,
    pub(super) attempts: Option<Spanned<u32>>,
    pub(super) calls: Option<Spanned<u32>>,
    pub(super) output: Option<Pattern>,
    pub(super) error: Option<Pattern>,
    pub(super) sent: Option<Pattern>,
}

/// Records, by topic; of a map without any, that there are none at all.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) span: Span,
    pub(super) topics: Vec<(Spanned<String>, Pattern)>,
}

/// Calls of services, of the whole run.
#[derive(Debug)]
pub(super) enum Calls {
    Count(Spanned<u32>),
    /// All of them, in order.
    List(Span, Vec<Call>),
}

/// A call.
#[derive(Debug)]
pub(super) enum Call {
    /// By the step that makes it, or as `SERVICE METHOD PATH`.
    Named(Spanned<String>),
    Like(Pattern),
}

/// Virtual time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) at_least: Duration,
    pub(super) at_most: Option<Duration>,
}

impl Expect {
    /// Reads `expect:`.
    pub(super) fn parse(
        node: &Node,
        plan: &Plan,
        setting: Setting<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut fields = Fields::of(node, "`expect`", diagnostics)?;
        let mut expect = Self::default();
        let names = Names::of(setting.program, plan);
        let returns = fields.take_entry("return");
        expect.returns = returns.map(|entry| Pattern::parse(&entry.value, diagnostics));
        let error = fields.take_entry("error");
        expect.error = error.map(|entry| failure(&entry.value, diagnostics));
        if let (Some(returns), Some(error)) = (returns, error) {
            diagnostics.push(
                Diagnostic::error(BOTH_ENDS, "a run does not both return and fail")
                    .at(error.key.span, "expects a failure")
                    .at(returns.key.span, "expects a return")
                    .help("leave one of them out"),
            );
        }
        if let Some(node) = fields.take("skipped") {
            expect.skipped = step_names(node, "`skipped`", names, diagnostics);
        }
        if let Some(node) = fields.take("steps") {
            match node.as_map() {
                Some(entries) => {
                    let steps =
                        entries.iter().filter_map(|entry| StepExpect::parse(entry, names, diagnostics));
                    expect.steps = steps.collect();
                }
                None => diagnostics.push(wrong_type("`steps`", "a map from step to what is expected", node)),
            }
        }
        expect.published =
            fields.take("published").and_then(|node| published(node, plan, setting, diagnostics));
        expect.emitted = fields.take("emitted").map(|node| Pattern::parse(node, diagnostics));
        expect.calls = fields.take("calls").and_then(|node| calls(node, names, diagnostics));
        expect.took = fields.take("took").and_then(|node| took(node, diagnostics));
        fields.finish(diagnostics);
        Some(expect)
    }
}

impl StepExpect {
    fn parse(
        entry: &Entry,
        names: Names<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<(Spanned<String>, Self)> {
        let steps = match names.find(&entry.key.value, entry.key.span) {
            Ok(steps) => steps,
            Err(unknown) => {
                diagnostics.push(unknown);
                return None;
            }
        };
        if let Kind::Text(_) = entry.value.kind {
            let status = status(&entry.value, diagnostics);
            return Some((entry.key.clone(), Self { status, ..Self::default() }));
        }
        let what = format!("what is expected of `{}`", entry.key.value);
        let mut fields = Fields::of(&entry.value, what, diagnostics)?;
        let status = fields.take("status").and_then(|node| status(node, diagnostics));
        let count = |fields: &mut Fields<'_>, name: &'static str, diagnostics: &mut Diagnostics| {
            let node = fields.take(name)?;
            let count = scalar::count(node, &format!("`{name}`"), 0..=1_000_000, diagnostics)?;
            Some(Spanned::new(count, node.span))
        };
        let attempts = count(&mut fields, "attempts", diagnostics);
        let calls = count(&mut fields, "calls", diagnostics);
        let output = fields.take("output").map(|node| Pattern::parse(node, diagnostics));
        let error = fields.take("error").map(|node| failure(node, diagnostics));
        let sent = fields.take("sent").map(|node| {
            let known: Vec<&'static str> =
                steps.iter().flat_map(|step| asked_keys(step.verb)).copied().collect();
            match node.as_list() {
                Some(items) => items.iter().for_each(|item| asked(item, &known, diagnostics)),
                None => asked(node, &known, diagnostics),
            }
            Pattern::parse(node, diagnostics)
        });
        fields.finish(diagnostics);
        Some((entry.key.clone(), Self { status, attempts, calls, output, error, sent }))
    }
}

/// What there is of what a step of that verb asks for.
fn asked_keys(verb: &str) -> &'static [&'static str] {
    match verb {
        "http" => &["service", "method", "path", "query", "headers", "json", "form", "multipart", "body"],
        "publish" => &["topic", "key", "value", "headers"],
        "emit" => &["value"],
        "call" => &["pathway", "input"],
        "wait" => &["signal", "from"],
        _ => &[],
    }
}

/// Checks the keys of what is to be asked for: a misspelt one would be absent for ever.
fn asked(node: &Node, known: &[&'static str], diagnostics: &mut Diagnostics) {
    let entries = node.as_map().unwrap_or_default();
    let says_what_holds = entries.iter().any(|entry| entry.key.value.starts_with('$'));
    if entries.is_empty() || known.is_empty() || says_what_holds {
        return;
    }
    if let Some(mut fields) = Fields::of(node, "what is asked for", diagnostics) {
        known.iter().for_each(|name| fields.knows(name));
        fields.finish(diagnostics);
    }
}

fn status(node: &Node, diagnostics: &mut Diagnostics) -> Option<Spanned<State>> {
    let words =
        [State::Finished, State::Skipped, State::Failed, State::Cancelled].map(|state| (state.name(), state));
    scalar::choice(node, "`status`", &words, diagnostics).map(|state| Spanned::new(state, node.span))
}

/// A failure: its class alone, or parts of what `error` is bound to.
fn failure(node: &Node, diagnostics: &mut Diagnostics) -> Pattern {
    if let Kind::Text(text) = &node.kind {
        class(&text.value, text.span, diagnostics);
        let key = Spanned::new("class".to_owned(), node.span);
        let map = Node { span: node.span, kind: Kind::Map(vec![Entry { key, value: node.clone() }]) };
        return Pattern::parse(&map, diagnostics);
    }
    if let Some(Kind::Text(text)) = node.get("class").map(|node| &node.kind) {
        class(&text.value, text.span, diagnostics);
    }
    Pattern::parse(node, diagnostics)
}

fn step_names(
    node: &Node,
    what: &str,
    names: Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Spanned<String>> {
    let Some(items) = node.as_list() else {
        diagnostics.push(wrong_type(what, "a list of steps", node));
        return Vec::new();
    };
    let words = items.iter().filter_map(|item| {
        let word = scalar::word(item, "a step", diagnostics)?;
        match names.find(&word.value, word.span) {
            Ok(_) => Some(word),
            Err(unknown) => {
                diagnostics.push(unknown);
                None
            }
        }
    });
    words.collect()
}

fn published(
    node: &Node,
    plan: &Plan,
    setting: Setting<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Published> {
    let Some(entries) = node.as_map() else {
        diagnostics.push(wrong_type("`published`", "a map from topic to records", node));
        return None;
    };
    let known = topics(plan, setting);
    let mut topics = Vec::new();
    for entry in entries {
        let topic = entry.key.value.as_str();
        if !known.contains(topic) {
            let names: Vec<&&str> = known.iter().collect();
            let diagnostic =
                Diagnostic::error(NO_TOPIC, format!("`{}` publishes nothing to `{topic}`", plan.name))
                    .at(entry.key.span, "no step names this topic")
                    .help(if names.is_empty() {
                        "it publishes nothing".to_owned()
                    } else {
                        format!("it publishes to {}", list(&names))
                    })
                    .suggest(topic, known.iter().copied());
            diagnostics.push(diagnostic);
            continue;
        }
        let Some(records) = entry.value.as_list() else {
            diagnostics.push(wrong_type(&format!("`{topic}`"), "a list of records", &entry.value));
            continue;
        };
        for record in records {
            if let Some(mut fields) = Fields::of(record, "a record", diagnostics) {
                ["key", "value", "headers"].into_iter().for_each(|name| fields.knows(name));
                fields.finish(diagnostics);
            }
        }
        topics.push((entry.key.clone(), Pattern::parse(&entry.value, diagnostics)));
    }
    Some(Published { span: node.span, topics })
}

/// The topics that a pathway publishes to, and those that it calls.
fn topics<'a>(plan: &'a Plan, setting: Setting<'a>) -> BTreeSet<&'a str> {
    let mut topics = BTreeSet::new();
    let (mut seen, mut left) = (BTreeSet::new(), vec![plan]);
    while let Some(plan) = left.pop() {
        if seen.insert(&*plan.name) {
            topics.extend(plan.publishes());
            left.extend(
                plan.calls().filter_map(|name| setting.program.pathways.get(name)).map(|plan| &**plan),
            );
        }
    }
    topics
}

fn calls(node: &Node, names: Names<'_>, diagnostics: &mut Diagnostics) -> Option<Calls> {
    match &node.kind {
        Kind::Int(_) => {
            let count = scalar::count(node, "`calls`", 0..=1_000_000, diagnostics)?;
            Some(Calls::Count(Spanned::new(count, node.span)))
        }
        Kind::List(items) => {
            let calls = items.iter().filter_map(|item| match &item.kind {
                // With a space it is a call, else a step.
                Kind::Text(text) if text.value.trim().contains(' ') => {
                    Some(Call::Named(Spanned::new(text.value.clone(), text.span)))
                }
                Kind::Text(text) => match names.find(&text.value, text.span) {
                    Ok(_) => Some(Call::Named(Spanned::new(text.value.clone(), text.span))),
                    Err(unknown) => {
                        diagnostics.push(unknown);
                        None
                    }
                },
                Kind::Map(_) => {
                    asked(item, asked_keys("http"), diagnostics);
                    Some(Call::Like(Pattern::parse(item, diagnostics)))
                }
                _ => {
                    diagnostics.push(wrong_type("a call", "a step, `SERVICE METHOD PATH` or a map", item));
                    None
                }
            });
            Some(Calls::List(node.span, calls.collect()))
        }
        _ => {
            diagnostics.push(wrong_type("`calls`", "a list of calls, or how many there are", node));
            None
        }
    }
}

fn took(node: &Node, diagnostics: &mut Diagnostics) -> Option<Spanned<Took>> {
    let took = if let Kind::Map(_) = node.kind {
        let mut fields = Fields::of(node, "`took`", diagnostics)?;
        let at_least =
            fields.take("at_least").and_then(|node| scalar::duration(node, "`at_least`", diagnostics));
        let at_most =
            fields.take("at_most").and_then(|node| scalar::duration(node, "`at_most`", diagnostics));
        fields.finish(diagnostics);
        Took { at_least: at_least.unwrap_or_default(), at_most }
    } else {
        let exactly = scalar::duration(node, "`took`", diagnostics)?;
        Took { at_least: exactly, at_most: Some(exactly) }
    };
    Some(Spanned::new(took, node.span))
}
