//! HTTP steps against the stand-ins: both sides of the contract at once.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::vm::{Body, Class, Failure, HttpRequest, Method, Parse, Stream};
use pathway_server::demo::{Fault, Service, StandIns, data};
use pathway_server::effects::http::{Context, HttpClient, Limits, Target};
use serde_json::json;

use crate::{NOW, start};

fn request(service: &str, method: Method, path: &str, body: Body) -> HttpRequest {
    HttpRequest {
        service: service.into(),
        method,
        path: path.into(),
        query: vec![],
        headers: vec![],
        body,
        accept: vec![],
        parse: Parse::Auto,
        stream: Stream::default(),
        timeout: None,
    }
}

fn target(url: &str, headers: &[(&'static str, &str)]) -> Target {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    Target {
        url: Arc::new(url.parse().unwrap()),
        headers: headers.collect(),
        timeout: Duration::from_secs(60),
        as_caller: false,
        limits: Limits::default(),
    }
}

fn supabase(stand_ins: &StandIns, key: &str, token: &str) -> Target {
    let url = format!("{}/rest/v1", stand_ins.supabase_url);
    target(&url, &[("apikey", key), ("authorization", &format!("Bearer {token}"))])
}

fn gateway(stand_ins: &StandIns, url: &str) -> Target {
    target(url, &[("x-gateway-authorization", &format!("Bearer {}", stand_ins.keys().integrations))])
}

async fn send(target: &Target, request: &HttpRequest) -> Result<serde_json::Value, Failure> {
    let context = Context { idempotency_key: "k", traceparent: None, now: NOW.parse().unwrap() };
    let output: Value = HttpClient::new().unwrap().send(target, request, &context, None).await?;
    Ok(serde_json::to_value(output).unwrap())
}

fn body(value: serde_json::Value) -> Body {
    Body::Json(serde_json::from_value(value).unwrap())
}

#[tokio::test]
async fn the_database() {
    let stand_ins = start().await;
    let key = &stand_ins.keys().service;
    let service = supabase(&stand_ins, key, key);

    let mut read = request("supabase", Method::Get, "/transactions", Body::Empty);
    read.query = [
        ("user_id", format!("eq.{}", data::USER)),
        ("and", "(transaction_date.gte.2026-11-01,transaction_date.lt.2026-12-01)".into()),
        ("select", "amount,merchant".into()),
        ("order", "amount.desc".into()),
        ("limit", "1".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    let output = send(&service, &read).await.unwrap();
    assert_eq!(output.get("body"), Some(&json!([{"amount": 25_000, "merchant": "Landlord"}])));

    let alert = json!({"user_id": data::USER, "alert_type": "info", "message": "₹ 1"});
    let mut write = request("supabase", Method::Post, "/alerts", body(alert));
    write.headers = vec![("Prefer".into(), "return=minimal".into())];
    let output = send(&service, &write).await.unwrap();
    assert_eq!((output.get("status"), output.get("body")), (Some(&json!(201)), Some(&json!(null))));

    write.body = body(json!({"user_id": data::USER, "alert_type": "budget_90", "message": "m"}));
    let failure = send(&service, &write).await.unwrap_err();
    assert_eq!((failure.class, failure.status), (Class::Upstream, Some(400)));
    assert_eq!(failure.message, "`supabase` answered 400");
    assert!(serde_json::to_string(&failure.details).unwrap().contains("22P02"));
}

#[tokio::test]
async fn the_database_as_the_caller() {
    let stand_ins = start().await;
    let anon = &stand_ins.keys().anon;
    let mut user = supabase(&stand_ins, anon, &stand_ins.token(data::USER));
    user.as_caller = true;
    let profile = request("supabase_user", Method::Get, "/profiles", Body::Empty);
    let output = send(&user, &profile).await.unwrap();
    assert_eq!(output.pointer("/body/0/id"), Some(&json!(data::USER)));

    let foreign = json!({"user_id": "other", "role": "user", "message": "m"});
    let write = request("supabase_user", Method::Post, "/chat_history", body(foreign));
    assert_eq!(send(&user, &write).await.unwrap_err().class, Class::Denied);
}

#[tokio::test]
async fn the_language_model() {
    let stand_ins = start().await;
    let prompt = json!({"contents": [{"role": "user", "parts": [{"text": "classify this"}]}]});
    let mut ask = request("gemini", Method::Post, "", body(prompt));
    ask.parse = Parse::Sse;
    ask.stream.pick = crate::pick("chunk.candidates[0].content.parts[0].text");
    let gemini = gateway(&stand_ins, &stand_ins.gemini_url);
    assert_eq!(send(&gemini, &ask).await.unwrap().get("text"), Some(&json!("receipt")));

    stand_ins.say("one two three four five");
    stand_ins.fail(Service::Gemini, "", 1, Fault::Cut);
    let failure = send(&gemini, &ask).await.unwrap_err();
    assert_eq!((failure.class, failure.message.as_str()), (Class::Outage, "`gemini` broke off its answer"));
}

#[tokio::test]
async fn the_reader_of_documents() {
    let stand_ins = start().await;
    let fields = [("url", "https://files.example.com/a b.jpg"), ("language", "eng"), ("isTable", "true")];
    let form = Body::Form(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
    let read = request("ocr", Method::Post, "", form);
    let output = send(&gateway(&stand_ins, &stand_ins.ocr_url), &read).await.unwrap();
    let text = output.pointer("/body/ParsedResults/0/ParsedText").unwrap();
    assert!(text.as_str().unwrap().contains("TOTAL"));
}
