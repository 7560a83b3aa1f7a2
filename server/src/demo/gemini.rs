//! Stand-in for the language model's gateway: it knows four kinds of question by words in them.
//!
//! As the real one does, it also sends events without text and lines that are not JSON, wraps
//! JSON in a Markdown fence, and answers piece by piece.

use std::sync::PoisonError;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::standins::Shared;

/// Hundredths of the income; they come to one hundred.
const SHARES: [(&str, f64); 12] = [
    ("rent", 24.0),
    ("groceries", 12.0),
    ("transport", 6.0),
    ("entertainment", 4.0),
    ("savings", 22.0),
    ("emergency_fund", 11.0),
    ("utilities", 5.0),
    ("healthcare", 4.0),
    ("education", 3.0),
    ("dining", 4.0),
    ("shopping", 3.0),
    ("other", 2.0),
];

pub(super) fn router(shared: Shared) -> Router {
    Router::new().route("/v1beta/models/{call}", post(generate)).with_state(shared)
}

async fn generate(
    State(shared): State<Shared>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !shared.keys.opens_gateways(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    if !call.ends_with(":streamGenerateContent") || query.as_deref() != Some("alt=sse") {
        return refusal(StatusCode::NOT_FOUND, "the stand-in only streams server-sent events");
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(prompt) = prompt(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "contents: [{role, parts: [{text}]}] is required");
    };
    let text = match shared.said.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
        Some(text) => text,
        None => answer(&prompt, &shared.clock.now().strftime("%Y-%m-%d").to_string()),
    };
    let pace = shared.pace;
    let events = stream::iter(events(&text))
        .then(move |event| async move {
            sleep(pace).await;
            Ok::<_, std::convert::Infallible>(event)
        })
        .take_until(shared.stop.cancelled_owned());
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": {"code": status.as_u16(), "message": message}}))).into_response()
}

/// All texts of a request.
fn prompt(body: &Value) -> Option<String> {
    let parts =
        body.get("contents")?.as_array()?.iter().filter_map(|content| content.get("parts")?.as_array());
    let texts: Vec<&str> = parts.flatten().filter_map(|part| part.get("text")?.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn answer(prompt: &str, today: &str) -> String {
    if prompt.contains("budget") && prompt.contains("JSON object") {
        fenced(&Value::Object(budget(income(prompt).unwrap_or(50_000.0))))
    } else if prompt.contains("classify") {
        "receipt".to_owned()
    } else if prompt.contains("JSON array") {
        fenced(&transactions(today))
    } else {
        "Here is a thought: set aside a fifth of your income before you spend any of it, keep an eye on \
         the categories that are close to their limit, and you will have ₹ to spare at the end of the month."
            .to_owned()
    }
}

fn fenced(value: &Value) -> String {
    format!("```json\n{value:#}\n```")
}

/// Rounded down to whole paise, so that the sum stays within the income.
fn budget(income: f64) -> Map<String, Value> {
    let amount = |share: f64| (income * share).floor() / 100.0;
    SHARES.iter().map(|(category, share)| ((*category).to_owned(), amount(*share).into())).collect()
}

/// The first number after the word.
fn income(prompt: &str) -> Option<f64> {
    let (_, rest) = prompt.split_once("income")?;
    let number = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(number.len());
    let (number, _) = number.split_at(end);
    number.replace(',', "").trim_end_matches('.').parse().ok()
}

fn transactions(today: &str) -> Value {
    json!([
        {"amount": 1250.5, "date": today, "merchant": "Fresh Mart", "category": "groceries", "description": "Rice and vegetables"},
        {"amount": "480", "date": today, "merchant": "Cafe Aroma", "category": "dining", "description": "Two thalis"},
    ])
}

fn events(text: &str) -> Vec<String> {
    let mut events = vec![event(&json!({"candidates": [{"content": {"role": "model", "parts": []}}]}))];
    for (index, piece) in text.split_inclusive(char::is_whitespace).enumerate() {
        if index == 1 {
            events.push("data: still thinking\n\n".to_owned());
        }
        events.push(event(
            &json!({"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}]}),
        ));
    }
    events.push(event(
        &json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"totalTokenCount": 42}}),
    ));
    events
}

fn event(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}
