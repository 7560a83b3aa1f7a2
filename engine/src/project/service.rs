//! A service: a named upstream.

use std::time::Duration;

use super::rate::Rate;
use super::reader::Reader;
use super::secret::Resolved;
use super::{ServiceDefaults, header, inherit, interpolate};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Fields, RETRY, Retry, scalar};
use crate::expression::{Bound, Expression, Segment, Slot};
use crate::reference::{Field, Object, Of, Takes};
use crate::source::{Kind, Node, Spanned};
use indexmap::IndexMap;

/// Of a service without a URL: its calls fail, unless something stands in for it.
pub const NO_URL: Code = Code("PW0606");
const HEADER_READS: Code = Code("PW0612");

/// Its fields.
pub(super) static SERVICE: Object = Object::new(
    "service",
    &[
        Field::new("url", Takes::Plain, "where its calls begin; empty: they fail"),
        Field::new("headers", Takes::Texts, "sent with every call; they may read `auth.token`"),
        Field::new("timeout", Takes::Duration, "of one attempt"),
        Field::new("retry", Takes::Object(&RETRY), "where the step has none"),
        Field::new("circuit", Takes::Object(&CIRCUIT), "when calls are held back because they fail"),
        Field::new("max_parallel", Takes::Count(1, 100_000), "calls in flight"),
        Field::new("rate", Takes::Rate, "calls begun in a period"),
        Field::new("http", Takes::Call, "fields of its calls, unless the step says otherwise"),
        Field::new(
            "like",
            Takes::Name(Of::Service),
            "the service that has what this one does not say; circuit, slots and rate are then the same",
        ),
        Field::new(
            "without_token",
            Takes::Name(Of::Service),
            "the service that is called instead without a token",
        ),
    ],
);

static CIRCUIT: Object = Object::new(
    "circuit",
    &[
        Field::new("failures", Takes::Count(1, 1_000_000), "failures in a row that open it"),
        Field::new("open", Takes::Duration, "how long it stays open"),
        Field::new("half_open", Takes::Count(1, 1_000_000), "successes in a row that close it again"),
    ],
);

/// A named upstream, with all that it takes from another filled in.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: Spanned<String>,
    /// Where its calls begin; empty: they fail.
    pub url: Resolved,
    /// Sent with every call. They may read `auth.token` and nothing else.
    pub headers: Vec<(String, Expression)>,
    /// Whether one of them names a key of a service role.
    pub(crate) has_service_role: bool,
    /// Of one attempt.
    pub timeout: Duration,
    /// Where the step has none.
    pub retry: Retry,
    /// When calls are held back because they fail.
    pub circuit: Option<Circuit>,
    /// Calls in flight.
    pub max_parallel: Option<u32>,
    /// Calls begun in a period.
    pub rate: Option<Rate>,
    /// Fields of its calls where the step does not give them.
    pub http: Option<Node>,
    /// The service whose circuit, slots and rate it uses; mostly itself.
    pub limits_of: String,
    /// Called instead when the run has no token.
    pub without_token: Option<String>,
}

/// When a service is taken for down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circuit {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open.
    pub open: Duration,
    /// Successes in a row that close it again.
    pub half_open: u32,
}

/// A service as it is written.
pub(super) struct Written {
    pub(super) name: Spanned<String>,
    pub(super) url: Option<Resolved>,
    pub(super) headers: Option<Vec<(String, Expression)>>,
    pub(super) has_service_role: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<Retry>,
    pub(super) circuit: Option<Spanned<Circuit>>,
    pub(super) max_parallel: Option<Spanned<u32>>,
    pub(super) rate: Option<Spanned<Rate>>,
    pub(super) http: Option<Node>,
    pub(super) like: Option<Spanned<String>>,
    pub(super) without_token: Option<Spanned<String>>,
}

/// Reads `services:`.
pub(super) fn services(
    node: &Node,
    defaults: &ServiceDefaults,
    reader: &mut Reader<'_>,
) -> IndexMap<String, Service> {
    let mut written = IndexMap::new();
    for entry in reader.entries(node, "`services`") {
        if scalar::name(&entry.key, "a service", reader.diagnostics)
            && let Some(service) = Written::read(&entry.key, &entry.value, defaults, reader)
        {
            written.insert(entry.key.value.clone(), service);
        }
    }
    inherit::resolve(&written, defaults, reader)
}

impl Written {
    fn read(
        name: &Spanned<String>,
        node: &Node,
        defaults: &ServiceDefaults,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let what = format!("service `{}`", name.value);
        let mut fields = Fields::of(node, what.as_str(), reader.diagnostics)?;
        let like = fields.take("like").and_then(|node| reader.open(node, "`like`"));
        let url = match &like {
            Some(_) => fields.take("url"),
            None => fields.require("url", reader.diagnostics),
        };
        let spanned = |node: &Node| node.span;
        let circuit = fields.take("circuit");
        let slots = fields.take("max_parallel");
        let rate = fields.take("rate");
        let service = Self {
            name: name.clone(),
            url: url.and_then(|node| service_url(node, &what, reader)),
            has_service_role: node.get("headers").is_some_and(names_service_role),
            headers: fields.take("headers").map(|node| headers(node, reader)),
            timeout: fields.take("timeout").and_then(|node| reader.duration(node, "`timeout`")),
            retry: fields
                .take("retry")
                .and_then(|node| reader.plain(node, "`retry`"))
                .and_then(|node| Retry::parse(&node, &defaults.retry, reader.diagnostics)),
            circuit: circuit.and_then(|node| Some(Spanned::new(Circuit::read(node, reader)?, spanned(node)))),
            max_parallel: slots.and_then(|node| {
                Some(Spanned::new(reader.count(node, "`max_parallel`", 1..=100_000)?, spanned(node)))
            }),
            rate: rate.and_then(|node| Some(Spanned::new(Rate::read(node, reader)?, spanned(node)))),
            http: fields.take("http").filter(|node| node.kind != Kind::Null).cloned(),
            like,
            without_token: fields.take("without_token").and_then(|node| reader.open(node, "`without_token`")),
        };
        fields.finish(reader.diagnostics);
        Some(service)
    }
}

/// The URL; empty, with a warning, where the variables that it begins with are.
fn service_url(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Resolved> {
    let text = reader.text(node, &format!("the URL of {what}"))?;
    let from_variable = node.as_text().is_some_and(|text| text.value.starts_with("${"));
    if text.value.is_empty() || (from_variable && text.value.starts_with(['/', '?'])) {
        reader.push(
            Diagnostic::warning(NO_URL, format!("{what} has no URL, so its calls will fail"))
                .at(node.span, "empty here")
                .help("set the variable that it is made of"),
        );
        return Some(Resolved::default());
    }
    reader.url(node, &format!("the URL of {what}"))
}

impl Circuit {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.kind == Kind::Null {
            return None;
        }
        let mut fields = Fields::of(node, "`circuit`", reader.diagnostics)?;
        let circuit = Self {
            failures: fields
                .take("failures")
                .and_then(|node| reader.count(node, "`failures`", 1..=1_000_000))
                .unwrap_or(5),
            open: fields
                .take("open")
                .and_then(|node| reader.duration(node, "`open`"))
                .unwrap_or(Duration::from_secs(30)),
            half_open: fields
                .take("half_open")
                .and_then(|node| reader.count(node, "`half_open`", 1..=1_000_000))
                .unwrap_or(3),
        };
        fields.finish(reader.diagnostics);
        Some(circuit)
    }
}

/// Whether a header is made of a variable that is called a service's key.
fn names_service_role(headers: &Node) -> bool {
    let texts = headers.as_map().unwrap_or_default().iter().filter_map(|entry| entry.value.as_text());
    let mut names = texts.flat_map(|text| interpolate::references(&text.value));
    names.any(|name| ["SERVICE_ROLE", "SERVICE_KEY"].iter().any(|word| name.contains(word)))
}

/// Headers of a service, as templates that may read the caller's token.
fn headers(node: &Node, reader: &mut Reader<'_>) -> Vec<(String, Expression)> {
    let mut headers: Vec<(String, Expression)> = Vec::new();
    for entry in reader.entries(node, "`headers`") {
        let name = &entry.key.value;
        if let Some(complaint) = header::complaint(name, headers.iter().map(|(name, _)| name.as_str())) {
            reader.push(header::refusal(&entry.key, complaint));
            continue;
        }
        if let Some(value) = value_of(&entry.value, reader) {
            headers.push((name.clone(), value));
        }
    }
    headers
}

fn value_of(node: &Node, reader: &mut Reader<'_>) -> Option<Expression> {
    let value = match &node.kind {
        Kind::Null => return None,
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        _ => {
            let text = scalar::text(node, "a header", reader.diagnostics)?;
            let mut expression = Expression::template(text, reader.variables, reader.diagnostics)?;
            check_reads(&expression, reader);
            expression.bind(&mut |_| Some(Bound { slot: Slot::Auth, consumed: 1 }));
            return Some(expression);
        }
    };
    Some(Expression::constant(Value::from(value), node.span))
}

fn check_reads(expression: &Expression, reader: &mut Reader<'_>) {
    let is =
        |segment: Option<&Segment>, name: &str| matches!(segment, Some(Segment::Key(key)) if key == name);
    for read in expression.reads() {
        let path = &read.path;
        if !(path.len() == 2 && is(path.first(), "auth") && is(path.get(1), "token")) {
            reader.push(
                Diagnostic::error(HEADER_READS, "a service's headers can read `auth.token` only")
                    .at(read.span, "read here")
                    .help("set this header in the step that calls the service"),
            );
        }
    }
}
