//! Runs that fail are undone: over a restart, past their timeout, and what becomes of them then.

use std::path::Path;

use pathway_engine::journal::Outcome;
use pathway_engine::vm::Class;
use pathway_server::store::{SqliteStore, Status};

use super::{DEADLINE, Upstream, World, outcome, program, project};

#[tokio::test]
async fn a_restart_goes_on_undoing_without_repeating_what_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  one: { http: { service: api, get: /one }, compensate: { http: { service: api, delete: /undo-one } } }
  two:
    needs: one
    http: { service: api, get: /two }
    compensate: { http: { service: api, delete: /slow, json: "{{ steps.two.body }}" } }
  three:
    needs: two
    http: { service: api, get: /three }
    compensate: { http: { service: api, delete: /undo-three } }
  four: { needs: three, http: { service: api, get: /broken } }
"#;
    let compiled = || program(&project(&url), &[pathway]);
    let open = |folder: &Path| SqliteStore::open(folder).unwrap();
    let world = World::start(open(folder.path()), compiled()).await;
    world.publish("t", r#"{"n": 1}"#).await;
    upstream.called("slow", 1).await;
    world.runner.stop(std::time::Duration::ZERO).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    upstream.called("slow", 2).await;
    upstream.go.notify_waiters();
    let runs = world.until(Status::Failed, 1).await;
    let Outcome::Failure(failure) = outcome(&runs[0]) else { panic!("not failed") };
    let told = failure.compensation.unwrap();
    assert_eq!((failure.step.as_deref(), told.undone.join(" ")), (Some("four"), "three two one".to_owned()));
    assert!(told.not_undone.is_empty());
    let calls: Vec<_> = upstream.calls.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    let expected = ["one", "two", "three", "broken", "undo-three", "slow", "slow", "undo-one"];
    assert_eq!(calls, expected);
    let keys = |path: &str| -> Vec<_> {
        let calls = upstream.calls.lock().unwrap();
        calls.iter().filter(|(known, _)| known == path).map(|(_, key)| key.clone()).collect()
    };
    assert_eq!(keys("slow")[0], keys("slow")[1], "the same compensation has the same key");
    assert_eq!(world.values("t.dlq").await, [r#"{"n": 1}"#]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_was_not_undone_is_told_and_a_run_that_undid_nothing_is_parked() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  one:
    http: { service: api, get: "/{{ input.one }}" }
    compensate: { http: { service: api, delete: /broken } }
  two: { needs: one, http: { service: api, get: /broken } }
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[pathway])).await;
    world.publish("t", r#"{"one": "broken"}"#).await;
    world.publish("t", r#"{"one": "fine"}"#).await;
    let parked = world.until(Status::Parked, 1).await;
    let Outcome::Failure(failure) = outcome(&parked[0]) else { panic!("not failed") };
    assert_eq!(failure.compensation, None);
    let failed = world.until(Status::Failed, 1).await;
    let Outcome::Failure(failure) = outcome(&failed[0]) else { panic!("not failed") };
    let told = failure.compensation.unwrap();
    let left: Vec<_> = told.not_undone.iter().map(|it| (it.step.as_str(), it.class)).collect();
    assert_eq!((left, told.undone.len()), (vec![("one", Class::Upstream)], 0));
    assert_eq!(world.values("t.dlq").await.len(), 2);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn neither_its_timeout_nor_a_cancellation_keeps_a_run_from_being_undone() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
timeout: 1s
steps:
  one: { http: { service: api, get: /one }, compensate: { http: { service: api, delete: /undo-one } } }
  two: { needs: one, http: { service: api, get: /two }, compensate: { http: { service: api, delete: /slow } } }
  three: { needs: two, http: { service: api, get: /slow } }
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[pathway])).await;
    world.publish("t", "{}").await;
    // The step, which takes too long, and then the compensation.
    upstream.called("slow", 2).await;
    let ready = world.until(Status::Ready, 1).await;
    let reason = pathway_engine::vm::Failure::new(Class::Cancelled, "too late");
    assert!(world.runner.cancel(&ready[0].public_id, reason).await.unwrap());
    upstream.go.notify_waiters();
    let runs = world.until(Status::Failed, 1).await;
    let Outcome::Failure(failure) = outcome(&runs[0]) else { panic!("not failed") };
    assert_eq!(
        (failure.class, failure.compensation.unwrap().undone.join(" ")),
        (Class::Timeout, "two one".into())
    );
    world.runner.stop(DEADLINE).await;
}
