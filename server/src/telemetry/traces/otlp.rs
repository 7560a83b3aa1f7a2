//! Spans in the form of OTLP: `ExportTraceServiceRequest`, as protobuf.
//!
//! It is written by hand, since it is one small message that only grows: the numbers below are those of
//! `opentelemetry/proto/trace/v1/trace.proto` and its neighbours, and will stay so. A test reads it with the
//! types that OpenTelemetry generates.

use jiff::Timestamp;

use super::span::{Attribute, Span};

const SCOPE: &str = "pathway";
/// What the names of attributes mean.
const CONVENTIONS: &str = "https://opentelemetry.io/schemas/1.37.0";

/// A message in the form of protobuf, as far as it is written.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(0x80 | low(number));
            number >>= 7;
        }
        self.0.push(low(number));
    }

    fn key(&mut self, field: u64, form: u64) {
        self.varint(field << 3 | form);
    }

    fn number(mut self, field: u64, number: u64) -> Self {
        self.key(field, 0);
        self.varint(number);
        self
    }

    fn fixed64(mut self, field: u64, number: u64) -> Self {
        self.key(field, 1);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn fixed32(mut self, field: u64, number: u32) -> Self {
        self.key(field, 5);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn all<'a>(
        self,
        field: u64,
        attributes: impl IntoIterator<Item = &'a (&'static str, Attribute)>,
    ) -> Self {
        attributes.into_iter().fold(self, |message, (name, value)| {
            let value = match value {
                Attribute::Text(text) => Self::default().text(1, text),
                Attribute::Number(number) => Self::default().number(3, number.cast_unsigned()),
            };
            message.message(field, &Self::default().text(1, name).message(2, &value))
        })
    }
}

/// Its seven lowest bits.
fn low(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

/// These spans of what `resource` says.
pub(super) fn request(resource: &[(&'static str, Attribute)], spans: &[Span]) -> Vec<u8> {
    let scope = Message::default().text(1, SCOPE).text(2, env!("CARGO_PKG_VERSION"));
    let scoped = Message::default().message(1, &scope);
    let scoped = spans.iter().fold(scoped, |scoped, span| scoped.message(2, &message(span)));
    let scoped = scoped.text(3, CONVENTIONS);
    let resource = Message::default().all(1, resource);
    let all = Message::default().message(1, &resource).message(2, &scoped).text(3, CONVENTIONS);
    Message::default().message(1, &all).0
}

fn message(span: &Span) -> Message {
    let message = Message::default()
        .bytes(1, &span.place.trace().to_be_bytes())
        .bytes(2, &span.place.span().to_be_bytes())
        .text(5, &span.name)
        .number(6, span.kind as u64)
        .fixed64(7, nanoseconds(span.from))
        .fixed64(8, nanoseconds(span.to))
        .all(9, &span.attributes)
        .fixed32(16, span.place.flags().into());
    let message = match span.parent {
        Some(parent) => message.bytes(4, &parent.to_be_bytes()),
        None => message,
    };
    match &span.outcome {
        None => message,
        Some(Ok(())) => message.message(15, &Message::default().number(3, 1)),
        Some(Err(why)) => message.message(15, &Message::default().text(2, why).number(3, 2)),
    }
}

fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}
