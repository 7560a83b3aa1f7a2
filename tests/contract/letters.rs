//! Records that cannot be served: each is answered where there is somebody to answer, copied to the
//! topic of the dead letters as it came, and stops nothing.

use pathway_server::demo::data;
use pathway_tests::finance::Finance;
use pathway_tests::kafka::{Message, Reader, Record};
use serde_json::{Value, json};

use crate::shape;

/// One of each kind that no consumer can use, by the header that tells it from the others.
fn useless(app: &Finance, topic: &str, key: &str) -> Vec<Message> {
    let message = |kind: &str| app.message(topic).key(key).header("kind", kind).header("from", "a partner");
    vec![
        message("text").bytes("not json at all {"),
        message("encoding").bytes([b'"', 0xff, 0xfe, b'"']),
        message("none"),
        message("empty").bytes(""),
        message("list").json(&json!([1, 2])),
        message("number").json(&json!(7)),
        message("fields").json(&json!({"unknown": true})),
        message("depth").bytes("[".repeat(100_000)),
    ]
}

/// Looks at a dead letter: the record as it came, and where, why and how it died.
fn check(letter: &Record, topic: &str, sent: &Message, pathway: &str) {
    let header = |name: &str| letter.header(name).unwrap_or_default();
    assert!(sent.is_in(letter), "{letter:?} is not {sent:?}");
    let is_json = |value: &[u8]| serde_json::from_slice::<Value>(value).is_ok();
    match (sent.value(), letter.value.as_deref()) {
        // What cannot be read may hold a token anywhere, where records may hold one at all.
        (Some(value), Some(b"")) if topic.ends_with("_requests") && !is_json(value) => {}
        (sent, kept) => assert_eq!(sent, kept, "{letter:?}"),
    }
    assert_eq!(
        (header("pathway-source-topic").as_str(), header("pathway-dead-pathway").as_str()),
        (topic, pathway)
    );
    assert!(header("pathway-source-partition").parse::<i32>().is_ok(), "{letter:?}");
    assert!(header("pathway-source-offset").parse::<i64>().is_ok(), "{letter:?}");
    assert_eq!(header("pathway-class"), "invalid", "{letter:?}");
    assert!(!header("pathway-message").is_empty() && !header("pathway-dead-run").is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_and_kept_and_stops_nothing() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    for (topic, pathway, reply) in [
        ("budget_requests", "budget", Some("budget_responses")),
        ("ocr_requests", "ocr", Some("ocr_responses")),
        ("chat_requests", "chat", Some("chat_responses")),
        ("transactions", "transaction", None),
        ("notifications", "notification", None),
        ("analytics", "analytics", None),
    ] {
        let sent = useless(&app, topic, "c1");
        kafka.write(sent.clone()).await;
        let dead = format!("{}.dlq", app.topic(topic));
        kafka.make(&[&dead], 4).await;
        let mut letters = Reader::from_start(&kafka, &[&dead]).await.take(sent.len()).await;
        letters.sort_by_key(|letter| letter.header("pathway-source-offset").unwrap().parse::<i64>().unwrap());
        for (letter, sent) in letters.iter().zip(&sent) {
            check(letter, &app.topic(topic), sent, pathway);
        }
        if let Some(reply) = reply {
            let answers = app.reader(reply).await.take(sent.len()).await;
            for answer in answers {
                let said = answer.json();
                let fails = said["success"] == false || said["event"] == "error";
                assert!(fails && said["error"].is_string(), "{said}");
                // Nothing in these names who asked but the key.
                assert_eq!((answer.key().as_str(), &said["correlation_id"]), ("c1", &json!("c1")), "{topic}");
            }
        }
    }
    // Behind all of them, on the same partition, the next is served.
    let good = json!({"user_id": data::USER, "type": "reminder"});
    kafka.write([app.message("notifications").key("c1").json(&good)]).await;
    let told = app.stand_ins.until(|it| it.rows("notifications").len() == 1);
    pathway_tests::soon("the next notification", told).await;
    let ask = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly", "correlation_id": "c1"});
    kafka.write([app.message("budget_requests").key("c1").json(&ask)]).await;
    let mut responses = app.reader("budget_responses").await;
    responses.find(|record| record.json()["success"] == true).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let ask = json!({"userId": data::USER, "totalIncome": -5, "period": "monthly", "correlation_id": "c7"});
    kafka.write([app.message("budget_requests").key("c7").json(&ask)]).await;
    let answer = app.reader("budget_responses").await.next().await;
    let said = answer.json();
    assert_eq!(
        (answer.key().as_str(), &said["success"], &said["correlation_id"]),
        ("c7", &json!(false), &json!("c7"))
    );
    assert!(app.calls().is_empty());
}

#[tokio::test]
async fn a_record_of_many_megabytes_is_parked_and_its_key_goes_on() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let large = |bytes: usize| json!({"user_id": "u1", "text": "x".repeat(bytes)}).to_string();
    let good = json!({"user_id": "u1", "type": "reminder"});
    let message = || app.message("notifications").key("u1");
    let dead = format!("{}.dlq", app.topic("notifications"));
    kafka.make_with(&[&dead], 4, &[("max.message.bytes", "4000000")]).await;
    kafka
        .write([
            message().bytes(large(3 << 20)).header("kind", "large"),
            message().bytes(large(17 << 20)).header("kind", "too large"),
            message().json(&json!({})).header("kind", "small"),
            message().json(&good),
        ])
        .await;
    let told = app.stand_ins.until(|it| it.rows("notifications").len() == 1);
    pathway_tests::soon("the notification behind them", told).await;
    // What is too large to be copied is at least named; nothing behind it is kept back.
    let letters = Reader::from_start(&kafka, &[&dead]).await.take(3).await;
    let kept = |letter: &Record| (letter.header("kind").unwrap(), letter.value.as_ref().map(Vec::len));
    let mut kept: Vec<_> = letters.iter().map(kept).collect();
    kept.sort_unstable();
    let sizes = [3 << 20, 17 << 20].map(|bytes| large(bytes).len());
    let expected = [("large", Some(sizes[0])), ("small", Some(2)), ("too large", None)];
    assert_eq!(kept, expected.map(|(kind, size)| (kind.to_owned(), size)));
    let omitted = letters.iter().find_map(|letter| letter.header("pathway-omitted-bytes"));
    assert_eq!(omitted, Some(sizes[1].to_string()));
}

#[tokio::test]
async fn nobody_dies_of_a_value_that_lies_about_itself() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let message = |kind: &str| app.message("notifications").key("u1").header("content-type", kind);
    let good = json!({"user_id": "u1", "type": "reminder"});
    let binary: Value =
        json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": "AAAA"});
    kafka
        .write([
            message("application/cloudevents+json").json(&json!({"data": good})),
            message("application/cloudevents+json").json(&binary),
            message("application/cloudevents+json").json(&json!({"specversion": "1.0"})),
            message("application/xml").bytes("<good/>"),
            message("application/xml").json(&good),
        ])
        .await;
    let told = app.stand_ins.until(|it| it.rows("notifications").len() == 1);
    pathway_tests::soon("the notification behind them", told).await;
}
