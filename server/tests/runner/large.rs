//! Records that are larger than a broker takes that was told nothing else.

use pathway_engine::journal::Outcome;
use pathway_server::store::{SqliteStore, Status};
use serde_json::json;

use super::{World, outcome, program};

/// Bytes of what a sender chooses that a broker takes: a batch may have 1,048,588, of which a record
/// needs some for itself and for our headers.
const TAKEN: usize = 1_047_000;

#[tokio::test]
async fn a_step_publishes_what_a_broker_takes_and_fails_with_anything_larger() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  tell: { publish: { topic: out, key: input.key, value: "{{ input.value }}", headers: { h: "{{ input.header }}" } } }
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    let input = |key: usize, value: usize, header: usize| {
        json!({"key": "k".repeat(key), "value": "v".repeat(value), "header": "h".repeat(header)}).to_string()
    };
    world.publish("t", &input(1, TAKEN, 1)).await;
    world.until(Status::Succeeded, 1).await;
    assert_eq!(world.values("out").await.len(), 1);
    for too_large in [input(1, 1 << 20, 1), input(1 << 20, 1, 1), input(1, 1, 1 << 20)] {
        world.publish("t", &too_large).await;
    }
    for run in world.until(Status::Parked, 3).await {
        let Outcome::Failure(failure) = outcome(&run) else { panic!("not failed") };
        assert!(failure.message.contains("bytes with its key and headers"), "{}", failure.message);
    }
    assert_eq!(world.values("out").await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_for_a_topic_is_answered_with_that() {
    let pathway = r#"
pathway: p
on: { topic: t, correlation: id, reply: { topic: replies } }
return: { text: "{{ input.text }}" }
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    world.publish("t", &json!({"id": "a", "text": "t".repeat(1 << 20)}).to_string()).await;
    world.publish("t", r#"{"id": "b", "text": "t"}"#).await;
    world.until(Status::Succeeded, 2).await;
    let replies = world.values("replies").await;
    let said: Vec<serde_json::Value> =
        replies.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let of = |id: &str| said.iter().find(|reply| reply["id"] == id).unwrap();
    assert_eq!(of("a")["class"], "invalid");
    assert_eq!(*of("b"), json!({"id": "b", "text": "t"}));
}
