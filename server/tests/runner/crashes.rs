//! Runs that are at work whenever the process ends in a crash.

use std::path::Path;
use std::time::Duration;

use pathway_engine::vm::{Class, Failure, Portion};
use pathway_server::runner::{Version, Waiting};
use pathway_server::store::{RunId, SqliteStore, Status, Store as _};

use super::*;

/// How often a run is taken up without any progress.
const MOST: usize = 5;

async fn start(folder: &Path, url: &str, pathways: &[&str]) -> World {
    World::start(SqliteStore::open(folder).unwrap(), program(&project(url), pathways)).await
}

/// Ends the process as a crash does, as far as the store knows.
async fn crash(world: World) {
    stop(&world).await;
    world.store.set_at_work(None, true).await.unwrap();
}

async fn stop(world: &World) {
    world.runner.stop(Duration::ZERO).await;
}

fn failure(run: &Run) -> Failure {
    match outcome(run) {
        Outcome::Failure(failure) => failure,
        Outcome::Answer(answer) => panic!("{answer:?}"),
    }
}

/// Waits until a run waits for something outside, and does not count.
async fn rests(world: &World, run: &Run) {
    let rests = async {
        loop {
            let story = world.runner.story(run).await.unwrap();
            if matches!(story.waits.first(), Some(Waiting::Signal { .. })) {
                let times = world.store.take_up(vec![run.id]).await.unwrap()[0].1;
                world.store.put_down(vec![run.id]).await.unwrap();
                if times == 1 {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, rests).await.expect("it comes to rest");
}

const HANGS: &str = r#"
pathway: p
on: { topic: t, key: input.k, reply: { topic: replies } }
steps:
  first: { http: { service: api, get: "/first-{{ input.k }}" } }
  hangs: { needs: first, http: { service: api, get: "/{{ input.to }}" } }
return: "{{ steps.hangs.body }}, {{ run.attempt }}"
"#;

#[tokio::test]
async fn a_run_that_is_at_work_at_each_crash_is_parked_and_one_that_waits_its_turn_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let mut world = start(folder.path(), &url, &[HANGS]).await;
    world.publish("t", r#"{"k": "a", "to": "slow"}"#).await;
    world.publish("t", r#"{"k": "a", "to": "next"}"#).await;
    for times in 1..=1 + MOST {
        upstream.called("slow", times).await;
        crash(world).await;
        world = start(folder.path(), &url, &[HANGS]).await;
    }
    let parked = world.until(Status::Parked, 1).await.remove(0);
    let Failure { class, code, step, message, .. } = failure(&parked);
    assert_eq!((class, code.as_deref(), step.as_deref()), (Class::Bug, Some("crash_loop"), Some("hangs")));
    assert_eq!(
        message,
        "the process ended 5 times in a row while this run was at work; \
         mend what ends it, such as too little memory, and redrive the run"
    );
    // The one behind it in its lane goes on, and whoever asked was told.
    world.until(Status::Succeeded, 1).await;
    assert_eq!(upstream.count("slow"), 1 + MOST);
    assert_eq!(world.values("t.dlq").await, [r#"{"k": "a", "to": "slow"}"#]);
    assert_eq!(world.values("replies").await.len(), 2);

    // A redrive lets it go on where it was, and it is counted anew.
    world.runner.redrive(parked.clone(), Version::Pinned).await.unwrap();
    for times in 2 + MOST..=2 + MOST + MOST {
        upstream.called("slow", times).await;
        crash(world).await;
        world = start(folder.path(), &url, &[HANGS]).await;
    }
    upstream.called("slow", 3 + MOST + MOST - 1).await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    world.runner.redrive(parked, Version::Current).await.unwrap();
    upstream.called("slow", 3 + MOST + MOST).await;
    upstream.go.notify_waiters();
    let done = world.until(Status::Succeeded, 2).await;
    assert!(done.iter().any(|run| answer(run) == "\"got slow, 3\""));
    assert_eq!(upstream.count("first-a"), 2, "each was finished once");
    let calls = upstream.calls.lock().unwrap().clone();
    let keys: Vec<_> = calls.iter().filter(|(path, _)| path == "slow").map(|(_, key)| key).collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(world.values("replies").await.len(), 2, "nobody is told twice");
    stop(&world).await;
}

#[tokio::test]
async fn a_stop_is_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let mut world = start(folder.path(), &url, &[HANGS]).await;
    world.publish("t", r#"{"k": "a", "to": "slow"}"#).await;
    for times in 1..MOST + 4 {
        upstream.called("slow", times).await;
        stop(&world).await;
        drop(world);
        world = start(folder.path(), &url, &[HANGS]).await;
    }
    upstream.called("slow", MOST + 4).await;
    assert_eq!(world.store.take_up(vec![RunId(1)]).await.unwrap(), [(RunId(1), 1)], "nothing was counted");
    stop(&world).await;
}

#[tokio::test]
async fn what_only_waits_is_counted_when_something_comes_for_it() {
    let waits = r#"
pathway: p
on: { topic: t }
steps:
  ok: { wait: { signal: ok } }
  hangs: { when: steps.ok == "hang", http: { service: api, get: /slow } }
return: done
"#;
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let mut world = start(folder.path(), &url, &[waits]).await;
    world.publish("t", "{}").await;
    let ready = world.until(Status::Ready, 1).await.remove(0);
    for _ in 0..MOST + 3 {
        rests(&world, &ready).await;
        crash(world).await;
        world = start(folder.path(), &url, &[waits]).await;
    }
    rests(&world, &ready).await;
    assert_eq!(world.store.take_up(vec![ready.id]).await.unwrap(), [(ready.id, 1)], "it was never counted");
    let signal = Signal { name: "ok".into(), payload: Value::from("go"), from: None, key: None };
    assert!(world.runner.signal(&ready.public_id, signal).await.unwrap());
    world.until(Status::Succeeded, 1).await;
    stop(&world).await;
}

#[tokio::test]
async fn a_run_that_another_called_is_counted_for_itself() {
    let caller = "pathway: caller\non: { topic: t }\nsteps:\n  c: { call: { pathway: called, input: {} } }\nreturn: 1\n";
    let called = "pathway: called\nsteps: { a: { http: { service: api, get: /slow } } }\nreturn: 1\n";
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let mut world = start(folder.path(), &url, &[caller, called]).await;
    world.publish("t", "{}").await;
    for times in 1..=1 + MOST {
        upstream.called("slow", times).await;
        crash(world).await;
        world = start(folder.path(), &url, &[caller, called]).await;
    }
    let parked = world.until(Status::Parked, 1).await.remove(0);
    assert_eq!((parked.pathway.as_str(), failure(&parked).code.as_deref()), ("caller", Some("crash_loop")));
    assert_eq!(failure(&parked).step.as_deref(), Some("a"), "the one that it called has failed");
    assert_eq!(world.runs(Some(Status::Failed)).await.len(), 1);
    // It can be run again, as can any that is parked.
    world.runner.rerun(parked, Portion::All, Version::Pinned).await.unwrap();
    upstream.called("slow", 2 + MOST).await;
    stop(&world).await;
}

#[tokio::test]
async fn after_a_crash_the_first_records_become_runs_before_anything_is_done_for_them() {
    let sends =
        "pathway: p\non: { topic: t }\nsteps:\n  s: { publish: { topic: out, value: 1 } }\nreturn: 1\n";
    let folder = tempfile::tempdir().unwrap();
    let world = start(folder.path(), "http://127.0.0.1:9", &[sends]).await;
    crash(world).await;
    let world = start(folder.path(), "http://127.0.0.1:9", &[sends]).await;
    for n in 1..=2 {
        let mut watch = world.store.watch_topic("out");
        watch.mark();
        world.publish("t", "{}").await;
        tokio::time::timeout(DEADLINE, watch.changed()).await.unwrap().unwrap();
        world.until(Status::Succeeded, n).await;
    }
    let events = async |id| world.store.events(RunId(id)).await.unwrap().len();
    assert_eq!((events(1).await, events(2).await), (2, 1), "only the second ended within its admission");
    stop(&world).await;
}
