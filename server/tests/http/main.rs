//! HTTP steps against an upstream that misbehaves in every way that upstreams do.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod answers;
mod failures;
mod requests;
mod streams;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Bound, Expression, Slot};
use pathway_engine::source::{Sources, Span, Text};
use pathway_engine::vm::{Body, Failure, HttpRequest, Method, Parse, Stream};
use pathway_server::effects::http::{Context, HttpClient, Limits, Target};

use upstream::Upstream;

fn get(path: &str) -> HttpRequest {
    HttpRequest {
        service: "shop".into(),
        method: Method::Get,
        path: path.into(),
        query: vec![],
        headers: vec![],
        body: Body::Empty,
        accept: vec![],
        parse: Parse::Auto,
        stream: Stream::default(),
        timeout: None,
    }
}

fn post(body: Body) -> HttpRequest {
    HttpRequest { method: Method::Post, body, ..get("/orders") }
}

fn read_as(parse: Parse) -> HttpRequest {
    HttpRequest { parse, ..get("/orders") }
}

/// Long enough for any machine: a test that runs into it fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn target(url: &str) -> Target {
    Target {
        url: Arc::new(url.parse().unwrap()),
        headers: vec![],
        timeout: PATIENCE,
        as_caller: false,
        limits: Limits::default(),
    }
}

fn context() -> Context<'static> {
    Context { idempotency_key: "key-1", traceparent: None, now: Default::default() }
}

async fn send_to(target: &Target, request: &HttpRequest) -> Result<Value, Failure> {
    HttpClient::new().unwrap().send(target, request, &context(), None).await
}

async fn send(upstream: &Upstream, request: &HttpRequest) -> Result<Value, Failure> {
    send_to(&target(&upstream.url), request).await
}

/// A `pick`, bound as the compiler binds it.
fn pick(text: &str) -> Option<Arc<Expression>> {
    let file = Sources::new().add("pick", text);
    let text = Text::opaque(text, Span::new(file, 0, text.len()));
    let mut expression = Expression::optional(&text, &mut Diagnostics::default()).unwrap();
    expression.bind(&mut |_| Some(Bound { slot: Slot::Chunk, consumed: 1 }));
    Some(Arc::new(expression))
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

/// All that an operator, a log or a caller could read of a failure.
fn written(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap() + &format!("{failure:?}")
}
