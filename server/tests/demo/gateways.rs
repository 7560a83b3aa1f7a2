//! The language model and the reader of documents.

use pathway_server::demo::StandIns;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{call, client, start};

fn ask(stand_ins: &StandIns, url: &str, prompt: &str) -> RequestBuilder {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]});
    let key = format!("Bearer {}", stand_ins.keys().integrations);
    client().post(url).header("X-Gateway-Authorization", key).body(body.to_string())
}

/// The events of an answer: their data.
async fn events(stand_ins: &StandIns, prompt: &str) -> Vec<String> {
    let response = ask(stand_ins, &stand_ins.gemini_url, prompt).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
    let text = response.text().await.unwrap();
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

fn text_of(data: &str) -> Option<String> {
    let event: Value = serde_json::from_str(data).ok()?;
    Some(event.pointer("/candidates/0/content/parts/0/text")?.as_str()?.to_owned())
}

async fn answer(stand_ins: &StandIns, prompt: &str) -> String {
    events(stand_ins, prompt).await.iter().filter_map(|data| text_of(data)).collect()
}

fn json_in(text: &str) -> Value {
    let inner = text.strip_prefix("```json\n").and_then(|text| text.strip_suffix("\n```"));
    serde_json::from_str(inner.unwrap()).unwrap()
}

#[tokio::test]
async fn a_budget_keeps_within_the_income() {
    let stand_ins = start().await;
    for (income, number) in [("₹60,000 (monthly)", 60_000.0), ("50000.55.", 50_000.55), ("33", 33.0)] {
        let prompt = format!("Make a budget of an income of {income}. Answer with one JSON object.");
        let budget = json_in(&answer(&stand_ins, &prompt).await);
        let amount = |name: &str| budget.get(name).unwrap().as_f64().unwrap();
        let total: f64 = budget.as_object().unwrap().values().filter_map(Value::as_f64).sum();
        assert_eq!(budget.as_object().unwrap().len(), 12);
        assert!(total <= number + 1e-9 && total > 0.9 * number, "{total} of {number}");
        assert!(amount("savings") >= 0.2 * number && amount("emergency_fund") >= 0.1 * number);
    }
}

#[tokio::test]
async fn questions_are_told_apart_by_their_words() {
    let stand_ins = start().await;
    assert_eq!(answer(&stand_ins, "Read this and classify it.").await, "receipt");
    let rows = json_in(&answer(&stand_ins, "List them as a JSON array of objects").await);
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows.pointer("/0/date"), Some(&json!("2026-11-23")));
    let chat = answer(&stand_ins, "How is my budget?").await;
    assert!(chat.contains("income") && chat.contains('₹'));
}

#[tokio::test]
async fn it_streams_word_by_word_with_noise_between() {
    let stand_ins = start().await;
    let events = events(&stand_ins, "How am I doing?").await;
    let texts = events.iter().filter(|data| text_of(data).is_some()).count();
    assert!(texts > 10);
    let without_text =
        |data: &&String| serde_json::from_str::<Value>(data).is_ok() && text_of(data).is_none();
    assert!(events.iter().any(|data| without_text(&data)));
    assert!(events.iter().any(|data| serde_json::from_str::<Value>(data).is_err()));
}

#[tokio::test]
async fn it_says_what_it_is_told_to_say() {
    let stand_ins = start().await;
    stand_ins.say("first");
    stand_ins.say("second one");
    assert_eq!(answer(&stand_ins, "classify").await, "first");
    assert_eq!(answer(&stand_ins, "classify").await, "second one");
    assert_eq!(answer(&stand_ins, "classify").await, "receipt");
}

#[tokio::test]
async fn what_the_model_refuses() {
    let stand_ins = start().await;
    let url = stand_ins.gemini_url.clone();
    assert_eq!(call(client().post(&url).body("{}")).await.0, 401);
    let other = ask(&stand_ins, &url, "x").header("X-Gateway-Authorization", "Bearer other");
    assert_eq!(call(other.body("{}")).await.0, 400, "the first of two headers counts; the body is empty");
    let wrong = client().post(&url).header("X-Gateway-Authorization", "Bearer other").body("{}");
    assert_eq!(call(wrong).await.0, 401);
    let no_query = url.trim_end_matches("?alt=sse").to_owned();
    assert_eq!(call(ask(&stand_ins, &no_query, "x")).await.0, 404);
}

#[tokio::test]
async fn documents_are_read() {
    let stand_ins = start().await;
    let read = async |body: &'static str, key: &str| {
        let request =
            client().post(&stand_ins.ocr_url).header("X-Gateway-Authorization", format!("Bearer {key}"));
        call(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    };
    let key = stand_ins.keys().integrations.as_str();
    let (status, answer) = read("url=https%3A%2F%2Fa%2Fb.jpg&language=eng&isTable=true", key).await;
    let text = answer.pointer("/ParsedResults/0/ParsedText").and_then(Value::as_str).unwrap();
    assert_eq!(status, 200);
    assert!(text.contains("TOTAL") && text.contains("2026-11-23"));

    let (_, blank) = read("url=https%3A%2F%2Fa%2Fblank.jpg&language=eng&isTable=true", key).await;
    assert_eq!(blank.pointer("/ParsedResults/0/ParsedText"), Some(&json!("")));
    let (_, incomplete) = read("url=https%3A%2F%2Fa%2Fb.jpg", key).await;
    assert_eq!(incomplete.get("IsErroredOnProcessing"), Some(&json!(true)));
    assert_eq!(read("url=x&language=eng&isTable=true", "other").await.0, 401);
}
