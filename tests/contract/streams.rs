//! Streams with many readers, slow readers and readers that come again, over Kafka.

use std::time::Duration;

use pathway_server::demo::data;
use pathway_tests::browser::Fetch;
use pathway_tests::events::Parser;
use pathway_tests::finance::Finance;
use pathway_tests::model::Model;
use pathway_tests::soon;
use pathway_tests::wire::{Ask, Wire};
use serde_json::{Value, json};

use crate::shape;

/// Readers of whole streams beside the slow one.
const READERS: usize = 500;
/// Words of the answer that they read.
const WORDS: usize = 40;

fn question(app: &Finance) -> Ask {
    Ask::post("/api/chat/stream", &json!({"message": "Hello?", "userId": data::USER})).bearer(&app.token())
}

fn again(app: &Finance, run: &str) -> Ask {
    Ask::get(&format!("/api/runs/{run}/events")).bearer(&app.token())
}

/// All events that are left.
async fn events(mut wire: Wire) -> Vec<Value> {
    let mut parser = Parser::default();
    let mut all = Vec::new();
    while let Some(chunk) = wire.chunk().await {
        all.extend(parser.feed(&chunk).iter().map(|event| event.json()));
    }
    all
}

/// The answer of so many words, and what is told of it.
fn answer() -> (String, Vec<Value>) {
    let words: Vec<String> = (0..WORDS).map(|n| format!("word-{n} ")).collect();
    let mut told: Vec<Value> = words.iter().map(|word| json!({ "text": word })).collect();
    told.push(json!({"done": true}));
    (words.concat(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_byte_a_second_costs_nobody_else() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let (text, told) = answer();
    app.stand_ins.say(text);
    let wire = app.wire(&question(&app)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    assert_eq!(events(wire).await, told);

    // Its pace is what is tested here, not a wait for anything.
    let mut slow = app.wire(&again(&app, &run)).await;
    let reading = tokio::spawn(async move {
        let mut read = 0;
        while slow.raw().await.is_some() {
            read += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        read
    });
    let reader = |_| async { events(app.wire(&again(&app, &run)).await).await };
    let all = futures_util::future::join_all((0..READERS).map(reader));
    for read in soon("all readers", all).await {
        assert_eq!(read, told);
    }
    assert!(!reading.is_finished(), "the slow one still reads");
    reading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_one_answer_hear_each_word_as_it_is_said() {
    let Some(kafka) = shape::kafka().await else { return };
    let mut model = Model::start().await;
    let app = shape::draft(&kafka).await.variable("GEMINI_URL", Some(&model.url)).start().await;
    let mut first = Fetch::of(app.wire(&question(&app)).await);
    let run = first.run();
    let mut answer = model.asked().await;
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(Fetch::of(app.wire(&again(&app, &run)).await));
    }
    for word in ["one ", "two ", "three"] {
        answer.say(word).await;
        for reader in others.iter_mut().chain([&mut first]) {
            assert_eq!(reader.read().await, Some(vec![json!({ "text": word })]));
        }
    }
    answer.end();
    for reader in others.iter_mut().chain([&mut first]) {
        assert_eq!(reader.rest().await, [json!({"done": true})]);
    }
}

#[tokio::test]
async fn an_answer_over_kafka_outlives_its_server() {
    let Some(kafka) = shape::kafka().await else { return };
    let mut app = shape::over(&kafka).await;
    let (text, told) = answer();
    app.stand_ins.say(text);
    let wire = app.wire(&question(&app)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    assert_eq!(events(wire).await, told);
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let budget = app.post("/api/budget/suggest", &body).await;
    let budget_run = budget.header("pathway-run").to_owned();
    app.crash().await;
    app.start().await;
    assert_eq!(events(app.wire(&again(&app, &run)).await).await, told);
    let shown = app.get(&format!("/api/runs/{budget_run}")).await.json();
    assert_eq!(shown["status"], "succeeded");
    assert_eq!(shown["result"]["suggestion"], budget.json()["suggestion"]);
}

#[tokio::test]
async fn whoever_does_not_wait_asks_later() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let request = pathway_tests::finance::JsonBody::json_body(
        app.request(reqwest::Method::POST, "/api/budget/suggest"),
        &body,
    );
    let answer = pathway_tests::finance::Answer::to(request.header("prefer", "respond-async")).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let place = answer.header("location").to_owned();
    // Ready when the run has ended: its stream says so.
    let ended = events(app.wire(&Ask::get(&format!("{place}/events")).bearer(&app.token())).await).await;
    assert_eq!(ended.last().map(|it| &it["success"]), Some(&json!(true)), "{ended:?}");
    let shown = app.get(&place).await.json();
    assert_eq!((&shown["status"], &shown["result"]["success"]), (&json!("succeeded"), &json!(true)));
}
