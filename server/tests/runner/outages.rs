//! Services that are out: what is called waits for them, and uses up no attempts.

use pathway_engine::journal::Outcome;
use pathway_server::store::{SqliteStore, Status};

use super::{DEADLINE, Upstream, World, answer, outcome, program};

const CALL: &str = r#"
pathway: p
on: { topic: t }
steps: { a: { http: { service: api, get: "/{{ input.path }}" } } }
return: "{{ steps.a.body }}"
"#;

/// A world in which a failure opens the circuit of a service, and how often calls are attempted.
async fn world(upstream: &Upstream, circuit: &str, retry: &str) -> World {
    let url = upstream.start().await;
    let project = format!("services: {{ api: {{ url: \"{url}\", retry: {retry}, circuit: {circuit} }} }}\n");
    World::start(SqliteStore::in_memory().unwrap(), program(&project, &[CALL])).await
}

#[tokio::test]
async fn a_service_that_is_out_uses_up_no_attempts_however_long_that_lasts() {
    let upstream = Upstream::default();
    let world =
        world(&upstream, "{ failures: 2, open: 5ms, half_open: 1 }", "{ attempts: 2, delay: 1ms }").await;
    world.publish("t", r#"{"path": "away"}"#).await;
    let runs = world.until(Status::Succeeded, 1).await;
    assert_eq!((answer(&runs[0]), upstream.count("away")), ("\"got away\"".into(), 12));
    let keys: Vec<_> = upstream.calls.lock().unwrap().iter().map(|(_, key)| key.clone()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "it is one call: {keys:?}");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_call_that_fails_where_others_succeed_uses_up_its_attempts() {
    let upstream = Upstream::default();
    let world =
        world(&upstream, "{ failures: 1, open: 1ms, half_open: 1 }", "{ attempts: 3, delay: 1ms }").await;
    world.publish("t", r#"{"path": "sick"}"#).await;
    let others = async {
        let mut count = 0;
        while world.runs(Some(Status::Parked)).await.is_empty() {
            world.publish("t", r#"{"path": "well"}"#).await;
            count += 1;
            world.until(Status::Succeeded, count).await;
        }
    };
    tokio::time::timeout(DEADLINE, others).await.expect("it was parked in time");
    let parked = world.runs(Some(Status::Parked)).await;
    let Outcome::Failure(failure) = outcome(&parked[0]) else { panic!("it did not fail") };
    assert_eq!((failure.status, failure.attempts), (Some(503), 3));
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_is_to_be_attempted_once_or_for_a_while_fails_when_its_service_is_out() {
    for retry in ["{ attempts: 1 }", "{ attempts: 2, delay: 1ms, total: 1m }"] {
        let upstream = Upstream::default();
        let world = world(&upstream, "{ failures: 1, open: 1ms, half_open: 1 }", retry).await;
        world.publish("t", r#"{"path": "sick"}"#).await;
        world.until(Status::Parked, 1).await;
        assert!(upstream.count("sick") <= 2, "{retry}");
        world.runner.stop(DEADLINE).await;
    }
}
