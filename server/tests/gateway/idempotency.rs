//! `Idempotency-Key`: two requests with one key are one.

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::doors::BUDGET;
use crate::world::{Runner, World, send, token};

fn keyed(world: &World, key: &str, income: u32) -> RequestBuilder {
    world.post("/api/budget", &json!({ "totalIncome": income })).header("idempotency-key", key)
}

#[tokio::test]
async fn a_known_key_gives_the_same_answer() {
    let mut world = World::start(&[BUDGET], Runner::Echo).await;
    let first = send(keyed(&world, "\"k 1\"", 5)).await.ok();
    let again = send(keyed(&world, "\"k 1\"", 5)).await;
    assert_eq!(again.header("pathway-run"), first["correlation_id"]);
    assert_eq!(again.ok(), first);
    // What the client puts into the field of the id does not count.
    let request = world.post_text("/api/budget", r#"{"correlation_id": "x", "totalIncome": 5}"#);
    assert_eq!(send(request.header("idempotency-key", "\"k 1\"")).await.ok(), first);
    assert_eq!(send(keyed(&world, "\"k 1\"", 6)).await.problem(422)["class"], "conflict");
    world.admitted().await;
    assert!(world.nothing_admitted());
}

#[tokio::test]
async fn a_key_is_one_subjects() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    let ann = send(keyed(&world, "k", 5)).await.ok();
    let bob = world
        .client
        .post(format!("{}/api/budget", world.url))
        .bearer_auth(token("bob"))
        .header("idempotency-key", "k")
        .body(r#"{"totalIncome": 7}"#);
    assert_ne!(send(bob).await.ok()["correlation_id"], ann["correlation_id"]);
}

#[tokio::test]
async fn requests_at_once_with_one_key_are_one_run() {
    for runner in [Runner::Echo, Runner::EchoFirst] {
        let mut world = World::start(&[BUDGET], runner).await;
        let answers = join_all((0..20).map(|_| send(keyed(&world, "k", 5)))).await;
        let run = world.admitted().await;
        for answer in answers {
            assert_eq!(answer.ok()["correlation_id"], run.public_id);
        }
        assert!(world.nothing_admitted());
    }
}

#[tokio::test]
async fn requests_at_once_with_one_key_and_other_input_are_refused() {
    let mut world = World::start(&[BUDGET], Runner::Echo).await;
    let answers = join_all((0..10).map(|n| send(keyed(&world, "k", n + 1)))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), bad.len()), (1, 9));
    for answer in bad {
        answer.problem(422);
    }
    world.admitted().await;
    assert!(world.nothing_admitted());
}

#[tokio::test]
async fn a_key_must_be_one() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    let long = "x".repeat(256);
    for key in ["", "\"", "a b", "\"a\"b", &long] {
        send(keyed(&world, key, 5)).await.problem(400);
    }
    send(keyed(&world, "a", 5).header("idempotency-key", "b")).await.problem(400);
    send(keyed(&world, &"x".repeat(255), 5)).await.ok();
}
