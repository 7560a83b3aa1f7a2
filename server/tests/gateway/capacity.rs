//! Load that cannot be taken up is refused before it is published.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pathway_server::gateway::Limits;
use serde_json::json;

use crate::world::{Runner, UNVERIFIED, World, send};

const PROJECT: &str = "
services: { needed: { url: http://127.0.0.1:9 }, optional: { url: http://127.0.0.1:9 } }
";

const PATHWAY: &str = r#"
pathway: calls
on: { http: { post: /calls } }
max_queue: 3
steps:
  first: { http: { service: needed, get: /a } }
  maybe: { http: { service: optional, get: /b }, on_error: continue }
return: "{{ steps.first }}"
"#;

async fn world() -> World {
    World::start_with(&format!("{UNVERIFIED}{PROJECT}"), &[PATHWAY], Runner::Echo, Limits::default()).await
}

#[tokio::test]
async fn nobody_waits_for_a_service_that_is_out_of_order() {
    let mut world = world().await;
    let ask = || world.post("/calls", &json!({}));
    world.capacity.open.lock().unwrap().insert("optional".to_owned(), Duration::from_secs(30));
    send(ask()).await.ok();
    world.capacity.open.lock().unwrap().insert("needed".to_owned(), Duration::from_millis(12_300));
    let answer = send(ask()).await;
    assert_eq!(answer.header("retry-after"), "13");
    assert!(!answer.problem(503)["detail"].as_str().unwrap().contains("needed"));
    // Who does not wait has time.
    assert_eq!(send(ask().header("prefer", "respond-async")).await.status, 202);
    world.capacity.open.lock().unwrap().clear();
    send(ask()).await.ok();
    for _ in 0..3 {
        world.admitted().await;
    }
    assert!(world.nothing_admitted(), "what was refused was not published");
}

#[tokio::test]
async fn no_more_wait_than_the_pathway_says() {
    let world = world().await;
    let ask = |prefer: &str| world.post("/calls", &json!({})).header("prefer", prefer);
    world.capacity.queued.store(2, Ordering::SeqCst);
    send(ask("wait=20")).await.ok();
    world.capacity.queued.store(3, Ordering::SeqCst);
    for prefer in ["wait=20", "respond-async"] {
        let answer = send(ask(prefer)).await;
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        answer.problem(503);
    }
}

#[tokio::test]
async fn a_run_that_is_there_is_told_however_busy_it_is() {
    let world = world().await;
    let ask = || world.post("/calls", &json!({})).header("idempotency-key", "k");
    let first = send(ask()).await;
    world.capacity.queued.store(3, Ordering::SeqCst);
    let second = send(ask()).await;
    assert_eq!(second.header("pathway-run"), first.header("pathway-run"));
    second.ok();
}

#[tokio::test]
async fn nothing_is_taken_while_the_bus_is_away() {
    let mut world = world().await;
    drop(world.reach.send_replace(Err("broker-7.internal:9092: connection refused".into())));
    let answer = send(world.post("/calls", &json!({}))).await;
    assert!(!answer.header("retry-after").is_empty());
    assert!(!answer.problem(503).to_string().contains("broker-7"));
    let ready = send(world.get("/readyz")).await;
    assert!(!ready.problem(503).to_string().contains("broker-7"));
    send(world.get("/livez")).await.ok();
    send(world.get("/health")).await.ok();
    assert!(world.nothing_admitted());
    drop(world.reach.send_replace(Ok(())));
    send(world.get("/readyz")).await.ok();
    send(world.post("/calls", &json!({}))).await.ok();
}
