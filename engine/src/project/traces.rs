//! Where spans go: a collector that takes OTLP over HTTP.

use super::header;
use super::reader::Reader;
use super::secret::{Resolved, Secret};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Fields;
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node, Span, Spanned};

const BAD_HEADERS: Code = Code("PW0654");

/// Its fields.
pub(super) static TRACES: Object = Object::new(
    "traces",
    &[
        Field::new(
            "url",
            Takes::Plain,
            "a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; empty: no spans are sent",
        ),
        Field::new(
            "headers",
            Takes::OneOf(&[Takes::Map(&Takes::Plain), Takes::Plain]),
            "sent along, such as `Authorization`; a text is `NAME=VALUE`, separated by commas",
        ),
        Field::new("sample", Takes::Number(0, 1), "the part that is sent of the traces that begin here"),
        Field::new("service", Takes::Plain, "what this is called among services"),
    ],
);

/// `traces:`
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// Where the collector is; `/v1/traces` is appended, unless it ends so.
    pub url: Resolved,
    /// Sent along.
    pub headers: Vec<(String, Secret)>,
    /// The part that is sent of the traces that begin here, 0 to 1.
    pub sample: f64,
    /// `service.name`.
    pub service: String,
}

impl Traces {
    /// None where there is no collector.
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "`traces`", reader.diagnostics)?;
        let url = fields.take("url").and_then(|node| reader.url(node, "the URL of `traces`"));
        let headers = fields.take("headers").map(|node| headers(node, reader)).unwrap_or_default();
        let sample = fields.take("sample").and_then(|node| reader.number(node, "`sample`", 0.0..=1.0));
        let service = fields.take("service").and_then(|node| reader.open(node, "`service`"));
        fields.finish(reader.diagnostics);
        Some(Self {
            url: url?,
            headers,
            sample: sample.unwrap_or(1.0),
            service: service.map_or_else(|| "pathway".to_owned(), |service| service.value),
        })
    }
}

/// A map, or a text in the form of `OTEL_EXPORTER_OTLP_HEADERS`.
fn headers(node: &Node, reader: &mut Reader<'_>) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    if let Kind::Map(entries) = &node.kind {
        for entry in entries {
            let what = format!("header `{}`", entry.key.value);
            if let Some(value) = reader.filled(&entry.value, &what) {
                add(&mut headers, &entry.key, value.value, entry.value.span, reader);
            }
        }
        return headers;
    }
    let Some(text) = reader.filled(node, "`headers`") else { return headers };
    for pair in text.value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) => {
                let name = Spanned::new(name.trim().to_owned(), node.span);
                add(&mut headers, &name, decoded(value.trim()), node.span, reader);
            }
            // What it says is not shown: it may be a secret.
            None => reader.push(
                Diagnostic::error(BAD_HEADERS, "the headers of `traces` cannot be read")
                    .at(node.span, "a part of it has no `=`")
                    .help("write a map, or `NAME=VALUE,NAME=VALUE`"),
            ),
        }
    }
    headers
}

fn add(
    headers: &mut Vec<(String, Secret)>,
    name: &Spanned<String>,
    value: String,
    span: Span,
    reader: &mut Reader<'_>,
) {
    if let Some(complaint) = header::complaint(&name.value, headers.iter().map(|(name, _)| name.as_str())) {
        reader.push(header::refusal(name, complaint));
    } else if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        reader.push(
            Diagnostic::error(BAD_HEADERS, format!("the value of header `{}` cannot be sent", name.value))
                .at(span, "holds what is no visible ASCII")
                .help("give it without line breaks and control characters"),
        );
    } else {
        headers.push((name.value.clone(), Secret::new(value)));
    }
}

/// What `%20` and the like stand for, as in W3C baggage; what is no such escape stands for itself.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'%'),
        }
        rest = digits.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_baggage() {
        for (text, value) in [("Bearer%20x%3D", "Bearer x="), ("100%", "100%"), ("%zz%4", "%zz%4"), ("", "")]
        {
            assert_eq!(decoded(text), value, "{text}");
        }
    }
}
