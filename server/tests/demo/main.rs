//! The stand-ins, called as the pathways call the real ones.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod faults;
mod gateways;
mod steps;
mod supabase;

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Bound, Expression, Slot};
use pathway_engine::source::{Sources, Span, Text};
use pathway_server::demo::{Settings, StandIns};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// A Monday in the middle of a month.
const NOW: &str = "2026-11-23T15:00:00Z";

async fn start() -> StandIns {
    let settings = Settings { now: NOW.parse().unwrap(), pace: Duration::ZERO, filled: true };
    StandIns::start(settings).await.unwrap()
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A call to a table or a gateway: the status and the body, null where there is none.
async fn call(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    if text.is_empty() {
        return (status, Value::Null);
    }
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A request to PostgREST as the service.
fn as_service(stand_ins: &StandIns, method: Method, path: &str) -> RequestBuilder {
    let key = &stand_ins.keys().service;
    let url = format!("{}/rest/v1/{path}", stand_ins.supabase_url);
    client().request(method, url).header("apikey", key).bearer_auth(key)
}

/// A request to PostgREST as a user.
fn as_user(stand_ins: &StandIns, subject: &str, method: Method, path: &str) -> RequestBuilder {
    let url = format!("{}/rest/v1/{path}", stand_ins.supabase_url);
    let token = stand_ins.token_at(subject, NOW.parse().unwrap());
    client().request(method, url).header("apikey", &stand_ins.keys().anon).bearer_auth(token)
}

/// A `pick`, bound as the compiler binds it.
fn pick(text: &str) -> Option<Arc<Expression>> {
    let file = Sources::new().add("pick", text);
    let text = Text::opaque(text, Span::new(file, 0, text.len()));
    let mut expression = Expression::optional(&text, &mut Diagnostics::default()).unwrap();
    expression.bind(&mut |_| Some(Bound { slot: Slot::Chunk, consumed: 1 }));
    Some(Arc::new(expression))
}
