//! `wait`: for a while, until a time, or for a signal.

use std::time::Duration;

use super::{Action, Begun, Kind, Place, Request, Spec, Visitor};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Fields, Reader, scalar, without};
use crate::expression::{Expression, Now, Scope};
use crate::reference::{Field, Object, Rule, Takes};
use crate::schema::Shape;
use crate::source::Node;
use crate::vm::{Class, Failure};

const WHAT_FOR: Code = Code("PW0217");
const BAD_TIME: Code = Code("PW0228");

/// `wait`.
pub(super) static SPEC: Spec = Spec {
    name: "wait",
    summary: "lets time pass, or waits for a signal, without holding a slot",
    output: "the signal's payload; none after a time",
    takes: Takes::Object(&WAIT),
    beside: &[],
    example: r#"steps:
  approval: { wait: { signal: approval, timeout: 2d } }
return: "{{ steps.approval.by }}"
# mocks: {approval: {by: ada}}
# returns: ada
"#,
    parse,
};

static WAIT: Object = Object::with(
    "wait",
    &[
        Field::new("for", Takes::DurationText, "how long"),
        Field::new("until", Takes::TimeText, "until when"),
        Field::new("signal", Takes::Text, "which signal"),
        Field::new("from", Takes::Text, "the subject who may send it"),
        Field::new("timeout", Takes::Duration, "how long to wait for a signal"),
    ],
    &[
        Rule::AtMostOne(&["for", "until", "signal"]),
        Rule::AtLeastOne(&["for", "until", "signal"]),
        Rule::With("from", "signal"),
        Rule::With("timeout", "signal"),
    ],
);

#[derive(Debug)]
enum Wait {
    For(Expression),
    Until(Expression),
    Signal { name: Expression, from: Option<Expression>, timeout: Option<Duration> },
}

fn parse(step: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let node = step.get(SPEC.name)?;
    let mut fields = Fields::of(node, "`wait`", reader.diagnostics)?;
    let length = fields.take("for").map(|node| (node, reader.template(node, "`for`")));
    let until = fields.take("until").map(|node| (node, reader.template(node, "`until`")));
    let signal = fields.take("signal").map(|node| reader.template(node, "`signal`"));
    let from = fields.take("from").map(|node| reader.template(node, "`from`"));
    let timeout = fields.take("timeout").map(|node| scalar::duration(node, "`timeout`", reader.diagnostics));
    fields.finish(reader.diagnostics);
    if signal.is_none() && (length.is_some() || until.is_some()) {
        for name in ["from", "timeout"] {
            if let Some(entry) = node.as_map().into_iter().flatten().find(|entry| entry.key.value == name) {
                reader.diagnostics.push(without(&entry.key, "signal"));
            }
        }
    }
    let wait = match (length, until, signal) {
        (Some((node, length)), None, None) => {
            let length = length?;
            if length.as_constant().is_some() {
                scalar::duration(node, "`for`", reader.diagnostics)?;
            }
            Wait::For(length)
        }
        (None, Some((node, until)), None) => {
            let until = until?;
            if let Some(text) = until.as_constant()
                && time(&text.to_string()).is_none()
            {
                reader.diagnostics.push(
                    Diagnostic::error(BAD_TIME, format!("`{text}` is not a time"))
                        .at(node.span, "expected a date, a time and an offset")
                        .help("write it as in RFC 3339: `2025-01-31T09:00:00Z`"),
                );
                return None;
            }
            Wait::Until(until)
        }
        (None, None, Some(signal)) => Wait::Signal {
            name: signal?,
            from: from.map_or(Some(None), |from| from.map(Some))?,
            timeout: timeout.map_or(Some(None), |timeout| timeout.map(Some))?,
        },
        _ => {
            reader.diagnostics.push(
                Diagnostic::error(WHAT_FOR, format!("{what} must wait for exactly one thing"))
                    .at(node.span, "needs one of `for`, `until` and `signal`")
                    .help("make several steps of it where it waits for several things"),
            );
            return None;
        }
    };
    Some(Box::new(wait))
}

fn time(text: &str) -> Option<Now> {
    text.trim().parse().ok()
}

impl Action for Wait {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        match self {
            Self::For(text) | Self::Until(text) => {
                visitor.expression(text, Place::Open("a time to wait"));
                Shape::Scalar
            }
            Self::Signal { name, from, .. } => {
                visitor.expression(name, Place::Open("a signal's name"));
                if let Some(from) = from {
                    visitor.expression(from, Place::Open("a signal's sender"));
                }
                Shape::Any
            }
        }
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let bad =
            |text: &str, wanted: &str| Failure::new(Class::Expression, format!("`{text}` is not {wanted}"));
        let request = match self {
            Self::For(text) => {
                let text = text.render(scope, None)?;
                let length = scalar::parse_duration(&text).ok_or_else(|| bad(&text, "a duration"))?;
                let now = scope.now();
                let at = now.checked_add(length).map_err(|_| bad(&text, "a duration in reach"))?;
                Request::Sleep { at, since: Some(now) }
            }
            Self::Until(text) => {
                let text = text.render(scope, None)?;
                let at = time(&text).ok_or_else(|| bad(&text, "a time (RFC 3339)"))?;
                Request::Sleep { at, since: None }
            }
            Self::Signal { name, from, timeout } => Request::Await {
                name: name.render(scope, None)?,
                from: from.as_ref().map(|from| from.render(scope, None)).transpose()?,
                timeout: *timeout,
            },
        };
        Ok(Begun::Ask(request))
    }

    fn kind(&self) -> Kind {
        Kind::Suspend
    }
}
