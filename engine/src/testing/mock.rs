//! Mocks: what answers the steps and calls of a run.

use super::Setting;
use super::answer::Answer;
use super::key::Key;
use super::names::Names;
use crate::Value;
use crate::compile::Step;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Fields, scalar, wrong_type};
use crate::schema::Schema;
use crate::source::{Entry, Kind, Node, Span, Spanned};
use crate::value::from_serde;

const ASKS_NOTHING: Code = Code("PW0822");

/// What a step that does not run puts out.
const OUTPUT: &str = "output";

/// A mock.
#[derive(Debug, Clone)]
pub(super) struct Mock {
    pub(super) key: Key,
    /// As it was written.
    pub(super) name: Spanned<String>,
    pub(super) answers: Answers,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) enum Answers {
    /// The same, however often.
    Always(Box<Answer>),
    /// One after another, and no more.
    OneByOne(Vec<Answer>),
    /// The step does not run: this is what it puts out.
    Output { value: Value, optional: bool },
}

/// What a mocked step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Http,
    Call,
    /// It publishes or emits, which needs no answer.
    Told,
}

impl Mock {
    /// Reads `mocks:`; those that are null are left out.
    pub(super) fn parse_all(
        node: &Node,
        names: Names<'_>,
        setting: Setting<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Self> {
        let Some(entries) = node.as_map() else {
            diagnostics.push(wrong_type("`mocks`", "a map from step or call to answer", node));
            return Vec::new();
        };
        let given = entries.iter().filter(|entry| entry.value.kind != Kind::Null);
        given.filter_map(|entry| Self::parse(entry, names, setting, diagnostics)).collect()
    }

    fn parse(
        entry: &Entry,
        names: Names<'_>,
        setting: Setting<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let key = Key::parse(&entry.key, names, setting.project, diagnostics)?;
        let (verb, schema) = match &key {
            Key::Calls { .. } => (Verb::Http, None),
            Key::Step(name) => {
                let steps = names.find(name, entry.key.span).ok()?;
                match steps.iter().find_map(verb) {
                    None if entry.value.get(OUTPUT).is_some() => (Verb::Told, None),
                    Some(Verb::Call) => (Verb::Call, steps.iter().find_map(|step| output(step, setting))),
                    Some(verb) => (verb, None),
                    None => {
                        diagnostics.push(asks_nothing(&steps, &entry.key));
                        return None;
                    }
                }
            }
        };
        let what = format!("the mock of `{}`", entry.key.value);
        if entry.value.get(OUTPUT).is_some() {
            let answers = output_of(&key, &entry.value, &what, names, diagnostics)?;
            return Some(Self { key, name: entry.key.clone(), answers });
        }
        let mut one = |node: &Node| Answer::parse(node, &what, verb, schema, diagnostics);
        let answers = match &entry.value.kind {
            Kind::List(items) => {
                let answers: Vec<_> = items.iter().map(one).collect();
                Answers::OneByOne(answers.into_iter().collect::<Option<_>>()?)
            }
            _ => Answers::Always(Box::new(one(&entry.value)?)),
        };
        Some(Self { key, name: entry.key.clone(), answers })
    }

    /// What nobody asked for after `count` calls, if that is to be told: its place, and how many
    /// answers it is.
    pub(super) fn unused(&self, count: usize) -> Option<(Span, usize)> {
        match &self.answers {
            Answers::Always(answer) => (count == 0 && !answer.optional).then_some((self.name.span, 1)),
            Answers::Output { optional, .. } => (count == 0 && !optional).then_some((self.name.span, 1)),
            Answers::OneByOne(answers) => {
                let left: Vec<&Answer> =
                    answers.iter().skip(count).filter(|answer| !answer.optional).collect();
                let first = left.first()?;
                let span = if count == 0 { self.name.span } else { first.span.unwrap_or(self.name.span) };
                Some((span, left.len()))
            }
        }
    }
}

/// What a step that does not run puts out.
fn output_of(
    key: &Key,
    node: &Node,
    what: &str,
    names: Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Answers> {
    let mut fields = Fields::of(node, what, diagnostics)?;
    let value = from_serde(&fields.take(OUTPUT)?.to_json());
    let optional = fields.take("optional").and_then(|node| scalar::boolean(node, "`optional`", diagnostics));
    fields.finish(diagnostics);
    let plan = names.plan;
    let why = match key {
        Key::Calls { .. } => Some("calls of a service are answered: give a `body`"),
        Key::Step(name) if plan.is_guard(name) => Some("it ends its block: give what its `when` reads"),
        // What a called pathway has is its own to know.
        Key::Step(name) if name.contains('/') || name.contains(['[', '#', '~']) => None,
        Key::Step(name) if !names.is_own(name) => {
            Some("it is a step of another pathway: name it with those that call it, such as `caller/step`")
        }
        Key::Step(name) if plan.addresses().contains_key(name.as_str()) => None,
        Key::Step(_) => Some("it may run more than once: name an execution, such as `rows[1].fetch`"),
    };
    if let Some(why) = why {
        diagnostics.push(
            Diagnostic::error(ASKS_NOTHING, format!("{what} cannot say what it puts out"))
                .at(node.span, "an `output`")
                .help(why),
        );
        return None;
    }
    Some(Answers::Output { value, optional: optional.unwrap_or(false) })
}

fn verb(step: &&Step) -> Option<Verb> {
    match step.verb {
        "http" => Some(Verb::Http),
        "call" => Some(Verb::Call),
        "publish" | "emit" => Some(Verb::Told),
        _ => None,
    }
}

/// What the pathway that a step calls may return.
fn output<'a>(step: &Step, setting: Setting<'a>) -> Option<&'a Schema> {
    setting.program.pathways.get(step.action.target()?)?.output.as_deref()
}

fn asks_nothing(steps: &[&Step], name: &Spanned<String>) -> Diagnostic {
    let verb = steps.first().map_or("", |step| step.verb);
    let message = format!("step `{}` asks nothing of the outside, so there is nothing to answer", name.value);
    Diagnostic::error(ASKS_NOTHING, message).at(name.span, format!("it is a `{verb}`")).help(match verb {
        "wait" => "let time pass, or say in `signals` what comes and when",
        "steps" | "switch" => "mock the calls in it, or give the whole an `output`",
        "return" | "fail" => "give what its `when` reads",
        _ => "say what it puts out: `output`",
    })
}
