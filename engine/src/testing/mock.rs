//! Mocks: what answers the steps and calls of a run.

use super::Setting;
use super::answer::Answer;
use super::key::Key;
use super::names::Names;
use crate::compile::{Plan, Step};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::wrong_type;
use crate::schema::Schema;
use crate::source::{Entry, Kind, Node, Span, Spanned};

const ASKS_NOTHING: Code = Code("PW0822");

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
        plan: &Plan,
        setting: Setting<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Self> {
        let Some(entries) = node.as_map() else {
            diagnostics.push(wrong_type("`mocks`", "a map from step or call to answer", node));
            return Vec::new();
        };
        let given = entries.iter().filter(|entry| entry.value.kind != Kind::Null);
        given.filter_map(|entry| Self::parse(entry, plan, setting, diagnostics)).collect()
    }

    fn parse(
        entry: &Entry,
        plan: &Plan,
        setting: Setting<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let names = Names { program: setting.program, plan };
        let key = Key::parse(&entry.key, names, setting.project, diagnostics)?;
        let (verb, schema) = match &key {
            Key::Calls { .. } => (Verb::Http, None),
            Key::Step(name) => {
                let steps = names.find(name, entry.key.span).ok()?;
                match steps.iter().find_map(verb) {
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
        "steps" | "switch" => "mock the calls in it",
        _ => "give the run an input with which it computes what you want",
    })
}
