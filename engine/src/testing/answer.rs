//! One answer of a mock: what is said instead of a service, a topic or a pathway that is called.

mod call;

use std::time::Duration;

use super::mock::Verb;
use crate::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Fields, class, scalar, wrong_type};
use crate::reference::{Field, Object, Takes};
use crate::schema::{Schema, Violation};
use crate::source::{Kind, Node, Span};
use crate::value::from_serde;
use crate::vm::{Class, Failure};

const CLASHES: Code = Code("PW0824");
const BREAKS_SCHEMA: Code = Code("PW0825");

/// What stands for one.
pub(super) const MOCK: Takes = Takes::OneOf(&[Takes::Object(&ANSWER), Takes::Object(&OUTPUT)]);

/// Of a call.
static ANSWER: Object = Object::new(
    "answer",
    &[
        Field::new("status", Takes::Status, "of a call of a service; 200 where nothing is said"),
        Field::new("headers", Takes::Map(&Takes::Data), "of the answer"),
        Field::new("body", Takes::Data, "of the answer"),
        Field::new(
            "text",
            Takes::Data,
            "of a stream: what is picked of it, as one piece or as a list of pieces",
        ),
        Field::new("chunks", Takes::List(&Takes::Data), "of a stream: what arrives, piece by piece"),
        Field::new("timeout", Takes::Flag, "there is no answer, until the attempt fails"),
        Field::new("return", Takes::Data, "of a `call`: what the pathway returns"),
        Field::new("error", Takes::OneOf(&[Takes::Class, Takes::Object(&FAILURE)]), "the call fails so"),
        DELAY,
        OPTIONAL,
    ],
);

/// Of a step that does not run.
static OUTPUT: Object = Object::new(
    "output",
    &[
        Field::required("output", Takes::Data, "the step does not run, and this is what it puts out"),
        OPTIONAL,
    ],
);

static FAILURE: Object = Object::new(
    "failure",
    &[
        Field::required("class", Takes::Class, "its class"),
        Field::new("message", Takes::Plain, "its message"),
        Field::new("code", Takes::Plain, "your own code"),
        Field::new("status", Takes::Status, "the HTTP status"),
        Field::new("details", Takes::Data, "more, for operators"),
    ],
);

const DELAY: Field = Field::new("delay", Takes::Duration, "how long the answer takes");
const OPTIONAL: Field = Field::new("optional", Takes::Flag, "whether it need not be asked");

/// One answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) span: Option<Span>,
    pub(super) delay: Duration,
    /// Whether it need not be given.
    pub(super) optional: bool,
    /// It never comes.
    pub(super) timeout: bool,
    error: Option<Failure>,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    /// Pieces of a stream, as they arrive.
    chunks: Option<Vec<Value>>,
    /// What was picked of them.
    text: Option<Vec<Value>>,
    returns: Option<Value>,
}

/// What comes of a call.
#[derive(Debug)]
pub(super) struct Come {
    pub(super) after: Duration,
    pub(super) outcome: Result<Value, Failure>,
    /// What is passed on meanwhile.
    pub(super) pieces: Vec<Value>,
}

impl Answer {
    /// Reads one; `schema` is that of what a called pathway returns.
    pub(super) fn parse(
        node: &Node,
        what: &str,
        verb: Verb,
        schema: Option<&Schema>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let before = diagnostics.len();
        let mut fields = Fields::of(node, what, diagnostics)?;
        let mut answer = Self { span: Some(node.span), ..Self::default() };
        if verb == Verb::Http {
            answer.http(&mut fields, diagnostics);
        }
        let returns = if verb == Verb::Call { fields.take("return") } else { None };
        answer.error = fields.take("error").and_then(|node| failure(node, diagnostics));
        if verb == Verb::Call && (returns.is_some() || node.get("error").is_none()) {
            answer.returns = returned(returns, node.span, schema, diagnostics);
        }
        answer.delay = fields
            .take("delay")
            .and_then(|node| scalar::duration(node, "`delay`", diagnostics))
            .unwrap_or_default();
        answer.optional = fields
            .take("optional")
            .and_then(|node| scalar::boolean(node, "`optional`", diagnostics))
            .unwrap_or_default();
        fields.finish(diagnostics);
        answer.clashes(node, diagnostics);
        (diagnostics.len() == before).then_some(answer)
    }

    fn http(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        self.status = fields
            .take("status")
            .and_then(|node| scalar::count(node, "`status`", 100..=599, diagnostics))
            .and_then(|status| u16::try_from(status).ok());
        if let Some(node) = fields.take("headers") {
            match node.as_map() {
                Some(entries) => {
                    let text = |node: &Node| {
                        node.as_text().map_or_else(|| node.to_json().to_string(), |it| it.value.clone())
                    };
                    let pairs = entries.iter();
                    self.headers = pairs.map(|it| (it.key.value.to_lowercase(), text(&it.value))).collect();
                }
                None => diagnostics.push(wrong_type("`headers`", "a map", node)),
            }
        }
        self.body = fields.take("body").map(|node| from_serde(&node.to_json()));
        self.chunks = fields.take("chunks").and_then(|node| match node.as_list() {
            Some(items) => Some(items.iter().map(|item| from_serde(&item.to_json())).collect()),
            None => {
                diagnostics.push(wrong_type("`chunks`", "a list of what arrives", node));
                None
            }
        });
        self.text = fields.take("text").map(|node| match node.as_list() {
            Some(items) => items.iter().map(|item| from_serde(&item.to_json())).collect(),
            None => vec![from_serde(&node.to_json())],
        });
        self.timeout = fields
            .take("timeout")
            .and_then(|node| scalar::boolean(node, "`timeout`", diagnostics))
            .unwrap_or_default();
    }

    /// Two things that cannot both come.
    fn clashes(&self, node: &Node, diagnostics: &mut Diagnostics) {
        let said = [
            ("body", self.body.is_some()),
            ("chunks", self.chunks.is_some()),
            ("text", self.text.is_some()),
            ("status", self.status.is_some()),
            ("return", self.returns.is_some()),
            ("error", self.error.is_some()),
            ("timeout", self.timeout),
        ];
        let has = |name: &str| said.iter().any(|(known, given)| *known == name && *given);
        // A stream may break off after some pieces.
        let pairs = [
            ("error", "timeout"),
            ("error", "body"),
            ("error", "status"),
            ("error", "return"),
            ("timeout", "body"),
            ("timeout", "status"),
            ("timeout", "return"),
            ("chunks", "text"),
            ("chunks", "body"),
            ("text", "body"),
        ];
        if let Some((a, b)) = pairs.into_iter().find(|(a, b)| has(a) && has(b)) {
            diagnostics.push(
                Diagnostic::error(CLASHES, format!("a call is not answered with both `{a}` and `{b}`"))
                    .at(node.span, "says both")
                    .help(format!(
                        "leave one of them out, or give a list: one answer, then the other (`{b}`)"
                    )),
            );
        }
    }

    /// What the pathway that a step calls with `input` comes to. Whatever it returns, it is not begun with
    /// an input that its schema does not admit.
    pub(super) fn returned(&self, schema: Option<&Schema>, input: &Value) -> Come {
        if let Some(Err(violations)) = schema.map(|schema| schema.check(input)) {
            let outcome = Err(Failure::violated(Class::Invalid, "the input", violations));
            return Come { after: Duration::ZERO, outcome, pieces: Vec::new() };
        }
        let outcome = match &self.error {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.returns.clone().unwrap_or_else(|| Value::from(()))),
        };
        Come { after: self.delay, outcome, pieces: Vec::new() }
    }

    /// The failure of what is published or emitted.
    pub(super) fn refused(&self) -> Option<&Failure> {
        self.error.as_ref()
    }
}

/// What a called pathway returns: null, if nothing is said.
fn returned(
    node: Option<&Node>,
    answer: Span,
    schema: Option<&Schema>,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let value = node.map_or_else(|| Value::from(()), |node| from_serde(&node.to_json()));
    let Some(schema) = schema else { return node.map(|_| value) };
    match schema.check(&value) {
        Ok(value) => Some(value),
        Err(violations) => {
            let first = violations.first();
            let pointer =
                |it: &Violation| if it.pointer.is_empty() { "/".into() } else { it.pointer.clone() };
            let label = first.map_or_else(String::new, |it| format!("`{}` {}", pointer(it), it.detail));
            diagnostics.push(
                Diagnostic::error(BREAKS_SCHEMA, "the pathway that is called could not return this")
                    .at(node.map_or(answer, |node| node.span), label)
                    .help(match node {
                        Some(_) => "return what its `output` schema admits",
                        None => "without a `return` it is null: return what its `output` schema admits",
                    }),
            );
            None
        }
    }
}

/// A failure: its class, or a map with its class and more.
fn failure(node: &Node, diagnostics: &mut Diagnostics) -> Option<Failure> {
    let mocked = |class: Class| Failure::new(class, format!("mocked: {}", class.name()));
    if let Kind::Text(text) = &node.kind {
        return class(&text.value, text.span, diagnostics).map(mocked);
    }
    let mut fields = Fields::of(node, "`error`", diagnostics)?;
    let kind = fields
        .require("class", diagnostics)
        .and_then(|node| scalar::word(node, "`class`", diagnostics))
        .and_then(|word| class(&word.value, word.span, diagnostics));
    let word = |node: Option<&Node>, what: &str, diagnostics: &mut Diagnostics| {
        node.and_then(|node| scalar::word(node, what, diagnostics)).map(|word| word.value)
    };
    let message = word(fields.take("message"), "`message`", diagnostics);
    let code = word(fields.take("code"), "`code`", diagnostics);
    let status =
        fields.take("status").and_then(|node| scalar::count(node, "`status`", 100..=599, diagnostics));
    let details = fields.take("details").map(|node| from_serde(&node.to_json()));
    fields.finish(diagnostics);
    let mut failure = mocked(kind?);
    failure.message = message.unwrap_or(failure.message);
    failure.code = code;
    failure.status = status.and_then(|status| u16::try_from(status).ok());
    failure.details = details;
    Some(failure)
}
