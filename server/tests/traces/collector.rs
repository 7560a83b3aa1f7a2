//! A collector that takes OTLP over HTTP, and reads it with the types that OpenTelemetry generates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::world::DEADLINE;

/// What a collector does with what it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Takes,
    Refuses,
    NeverAnswers,
}

/// All that was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collector {
    mood: Arc<Mutex<Mood>>,
    bodies: Arc<Mutex<Vec<Bytes>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    arrived: Arc<Notify>,
}

impl Collector {
    pub(crate) async fn start(&self) -> String {
        async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            collector.headers.lock().unwrap().push(headers);
            collector.bodies.lock().unwrap().push(body);
            collector.arrived.notify_one();
            let mood = *collector.mood.lock().unwrap();
            match mood {
                Mood::Takes => StatusCode::OK,
                Mood::Refuses => StatusCode::SERVICE_UNAVAILABLE,
                Mood::NeverAnswers => std::future::pending().await,
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    pub(crate) fn is_in(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Ready when something was sent that nobody has waited for yet.
    pub(crate) async fn asked(&self) {
        tokio::time::timeout(DEADLINE, self.arrived.notified()).await.expect("in time");
    }

    /// Waits until there are so many spans.
    pub(crate) async fn until(&self, count: usize) {
        while self.spans().0.len() < count {
            self.asked().await;
        }
    }

    /// What was sent, as it came.
    pub(crate) fn bytes(&self) -> Vec<Bytes> {
        self.bodies.lock().unwrap().clone()
    }

    /// The values of a header that was sent along.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let all = self.headers.lock().unwrap();
        all.iter().filter_map(|headers| Some(headers.get(name)?.to_str().unwrap().to_owned())).collect()
    }

    /// What is said of all spans.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let first = decoded(&self.bytes()[0]);
        texts(&first.resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    /// All spans.
    pub(crate) fn spans(&self) -> Spans {
        let scopes = self.bytes().iter().flat_map(|body| decoded(body).resource_spans).collect::<Vec<_>>();
        let scopes = scopes.into_iter().flat_map(|resource| resource.scope_spans);
        Spans(scopes.flat_map(|scope| scope.spans).collect())
    }
}

fn decoded(body: &Bytes) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body.clone()).unwrap()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|it| it.value.clone()).unwrap() {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let all: BTreeMap<_, _> = attributes.iter().map(|it| (it.key.clone(), text(&it.value))).collect();
    assert_eq!(all.len(), attributes.len(), "none twice");
    all
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_str_radix(&hexadecimal(bytes), 16).unwrap()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Spans, each with an id of its own.
#[derive(Debug)]
pub(crate) struct Spans(pub(crate) Vec<Span>);

impl Spans {
    /// As `traceparent`s, those of a kind.
    pub(crate) fn places(&self, kind: SpanKind) -> BTreeSet<String> {
        let own = self.0.iter().filter(|span| span.kind() == kind);
        own.map(|span| {
            let (trace, own) = (hexadecimal(&span.trace_id), hexadecimal(&span.span_id));
            format!("00-{trace}-{own}-{:02x}", span.flags & 0xff)
        })
        .collect()
    }

    /// Each below its parent, with what is known of it but for times; what is in `hidden` differs each time.
    pub(crate) fn drawn(&self, hidden: &[(&str, &str)]) -> String {
        let mut ids = BTreeSet::new();
        let mut below: BTreeMap<u64, Vec<&Span>> = BTreeMap::new();
        for span in &self.0 {
            assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            assert!(ids.insert(number(&span.span_id)), "{} is there twice", span.name);
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
            let parent = if span.parent_span_id.is_empty() { 0 } else { number(&span.parent_span_id) };
            below.entry(parent).or_default().push(span);
        }
        let mut text = String::new();
        for (parent, spans) in below.iter().filter(|(parent, _)| !ids.contains(parent)) {
            let above = if *parent == 0 { "nothing".to_owned() } else { format!("{parent:016x}") };
            writeln!(text, "below {above}").unwrap();
            draw(spans, &below, 1, &mut text);
        }
        for (value, name) in hidden {
            text = text.replace(value, name);
        }
        text
    }
}

fn draw(spans: &[&Span], below: &BTreeMap<u64, Vec<&Span>>, depth: usize, text: &mut String) {
    let mut lines: Vec<(String, &Span)> = spans.iter().map(|span| (line(span), *span)).collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    for (line, span) in lines {
        writeln!(text, "{}{line}", "  ".repeat(depth)).unwrap();
        let Some(children) = below.get(&number(&span.span_id)) else { continue };
        for child in children {
            assert_eq!(child.trace_id, span.trace_id);
        }
        draw(children, below, depth + 1, text);
    }
}

fn line(span: &Span) -> String {
    let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_owned();
    let mut line = format!("{kind} {}", span.name);
    for (name, value) in texts(&span.attributes) {
        // Milliseconds are as they may be.
        let value = if name == "pathway.queue.ms" { "…" } else { &value };
        write!(line, " {name}={value}").unwrap();
    }
    match span.status.as_ref().map(|status| (status.code(), &status.message)) {
        None => {}
        Some((Outcome::Error, message)) => write!(line, " ERROR {message}").unwrap(),
        Some((code, message)) => {
            assert_eq!((code, message.as_str()), (Outcome::Ok, ""));
            line.push_str(" OK");
        }
    }
    line
}
