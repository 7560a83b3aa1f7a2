//! What is asked of runs that are not under way, by another process: it is left for whoever works on them.

use std::time::Duration;

use pathway_server::store::{NewMessage, Run, SqliteStore, Status, Store as _, Unreceived};
use serde_json::{Value, json};

use super::{DEADLINE, Upstream, World, answer, now, program, project};

/// Leaves a message as another process does.
async fn leave(world: &World, run: &Run, order: &Value) {
    let payload = serde_json::to_vec(order).unwrap();
    let message = NewMessage { run: run.id, at: now(), even_if_finished: true, payload };
    world.store.post(message).await.unwrap();
}

/// Ready when all that was left was carried out.
async fn carried_out(world: &World) {
    let wait = async {
        while world.store.unreceived(10).await.unwrap() != Unreceived::default() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("it was not carried out in time");
}

#[tokio::test]
async fn a_parked_run_goes_on_also_if_a_signal_waits_for_it() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  a: { http: { service: api, get: /broken } }
  b: { needs: a, wait: { signal: go } }
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[pathway])).await;
    world.publish("t", "{}").await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    leave(&world, &parked, &json!({"signal": {"name": "go", "payload": null}})).await;
    leave(&world, &parked, &json!({"redrive": "pinned"})).await;
    upstream.called("broken", 2).await;
    world.runner.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_asks_for_a_run_again_makes_one_however_often_it_comes() {
    let pathway = "pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n";
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    world.publish("t", r#"{"n": 7}"#).await;
    let old = world.until(Status::Succeeded, 1).await.remove(0);
    for id in ["one", "other", "one"] {
        let again = json!({"rerun": {"id": id, "portion": "all", "version": "pinned"}});
        leave(&world, &old, &again).await;
    }
    // What cannot be done is not asked for ever.
    let wrong = json!({"rerun": {"id": "third", "portion": {"from": "nowhere"}, "version": "pinned"}});
    leave(&world, &old, &wrong).await;
    leave(&world, &old, &json!("nonsense")).await;
    carried_out(&world).await;
    let runs = world.until(Status::Succeeded, 3).await;
    let ids: Vec<_> = runs.iter().map(|run| run.public_id.as_str()).collect();
    assert_eq!(ids, ["other", "one", old.public_id.as_str()]);
    assert!(runs.iter().all(|run| answer(run) == "7"));
    assert!(runs[..2].iter().all(|run| run.rerun_of.as_ref() == Some(&old.public_id)));
    world.runner.stop(DEADLINE).await;
}
