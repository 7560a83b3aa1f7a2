//! What a run is told reaches it, whether or not it has begun, and over a restart.

use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::journal::Signal;
use pathway_engine::vm::{Class, Failure};
use pathway_server::runner::OrderError;
use pathway_server::store::{Mark, Most, SqliteStore, Status, Store as _};

use super::held::Held;
use super::{DEADLINE, World, answer, program};

const WAITING: &str = r#"
pathway: p
on: { topic: t, key: "'all'" }
steps: { approved: { wait: { signal: go } } }
return: "{{ input.n + steps.approved.m }}"
"#;

fn go(m: i64) -> Signal {
    Signal { name: "go".into(), payload: Value::from_pairs([("m", m)]), from: None, key: None }
}

#[tokio::test]
async fn a_run_is_told_what_came_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path()).unwrap();
    let compiled = || program("{}", &[WAITING]);
    let world = World::start(open(), compiled()).await;
    for n in 1..=3 {
        world.publish("t", &format!(r#"{{"n": {n}}}"#)).await;
    }
    // Only the first begins, and the others are seen by nobody; the newest comes first.
    let admitted = async {
        while world.runs(None).await.len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, admitted).await.unwrap();
    let runs = world.runs(Some(Status::Ready)).await;
    let [third, second, first] = &runs[..] else { panic!() };
    assert!(world.runner.signal(&second.public_id, go(20)).await.unwrap());
    let reason = Failure::new(Class::Cancelled, "not any more");
    assert!(world.runner.cancel(&third.public_id, reason).await.unwrap());
    world.runner.stop(Duration::ZERO).await;
    assert_eq!(
        world.store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages.len(),
        2,
        "nobody has received them"
    );
    drop(world);

    let world = World::start(open(), compiled()).await;
    assert!(world.runner.signal(&first.public_id, go(10)).await.unwrap());
    let ended = world.until(Status::Succeeded, 2).await;
    assert_eq!(ended.iter().map(answer).collect::<Vec<_>>(), ["22", "11"]);
    world.until(Status::Cancelled, 1).await;
    assert!(world.store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages.is_empty());
    assert!(!world.runner.signal(&first.public_id, go(30)).await.unwrap(), "it is over");
    world.runner.stop(DEADLINE).await;
}

/// It began when the store was of one process alone.
#[tokio::test]
async fn whoever_tells_a_run_something_that_is_nobodys_hears_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path()).unwrap();
    let compiled = || program("{}", &[WAITING]);
    let world = World::start(open(), compiled()).await;
    let run = world.runner.launch("p", &Value::from_pairs([("n", 1)]), None).await.unwrap();
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = World::start(Held::shared(open()), compiled()).await;
    let reason = Failure::new(Class::Cancelled, "enough");
    for told in [world.runner.signal(&run, go(1)).await, world.runner.cancel(&run, reason).await] {
        assert!(matches!(told, Err(OrderError::Nobody)), "{told:?}");
    }
    assert!(world.store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages.is_empty());
    world.runner.stop(DEADLINE).await;
}

const TWICE: &str = r#"
pathway: p
on: { topic: t }
steps:
  first: { wait: { signal: go } }
  second: { needs: first, wait: { signal: go } }
return: "{{ steps.first.m * 10 + steps.second.m }}"
"#;

#[tokio::test]
async fn a_signal_that_comes_again_with_its_key_counts_once_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let store = SqliteStore::open(folder.path()).unwrap();
        World::start(store, program("{}", &[TWICE])).await
    };
    let keyed =
        |m, from: Option<&str>| Signal { key: Some("k".to_owned()), from: from.map(str::to_owned), ..go(m) };
    let world = start().await;
    world.publish("t", "{}").await;
    let run = world.until(Status::Ready, 1).await.remove(0).public_id;
    for _ in 0..2 {
        assert!(world.runner.signal(&run, keyed(1, None)).await.unwrap());
    }
    world.runner.stop(DEADLINE).await;
    drop(world);

    let world = start().await;
    assert!(world.runner.signal(&run, keyed(1, None)).await.unwrap());
    // A key is its sender's own.
    assert!(world.runner.signal(&run, keyed(2, Some("ann"))).await.unwrap());
    let ended = world.until(Status::Succeeded, 1).await;
    assert_eq!(answer(&ended[0]), "12");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn many_signals_reach_a_run_each_once_and_in_order() {
    const SIGNALS: i64 = 600;
    let pathway = format!(
        r#"
pathway: p
on: {{ topic: t, key: "'all'" }}
steps:
  heard:
    each: range({SIGNALS})
    max_parallel: 1
    wait: {{ signal: go }}
return: "{{{{ steps.heard | pluck('m') | join(' ') }}}}"
"#
    );
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[&pathway])).await;
    world.publish("t", "{}").await;
    world.publish("t", "{}").await;
    let runs = world.until(Status::Ready, 2).await;
    let [second, first] = &runs[..] else { panic!() };
    // One after the other, and all at once: more than a run takes in.
    for run in [second, first] {
        for m in 0..SIGNALS {
            assert!(world.runner.signal(&run.public_id, go(m)).await.unwrap());
        }
    }
    let expected: Vec<_> = (0..SIGNALS).map(|m| m.to_string()).collect();
    for run in world.until(Status::Succeeded, 2).await {
        assert_eq!(answer(&run), format!("\"{}\"", expected.join(" ")));
    }
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_runs_cannot_be_told_yet_is_not_read_again_for_what_others_are_told() {
    const BEHIND: usize = 300;
    let store = Held::new(SqliteStore::in_memory().unwrap());
    let world = World::start(store, program("{}", &[WAITING])).await;
    for n in 0..=BEHIND {
        world.publish("t", &format!(r#"{{"n": {n}}}"#)).await;
    }
    // They wait for the first, and nobody is told of them.
    let admitted = async {
        while world.runs(None).await.len() <= BEHIND {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, admitted).await.unwrap();
    let mut runs = world.runs(None).await;
    let first = runs.pop().unwrap();
    for run in &runs {
        assert!(world.runner.signal(&run.public_id, go(1)).await.unwrap());
    }
    // The last of them has come when what is told after it has.
    assert!(world.runner.signal(&first.public_id, go(1)).await.unwrap());
    world.until(Status::Succeeded, 1).await;
    let read = world.store.messages();
    assert!(read <= 2 * BEHIND, "{read} messages were read, of {BEHIND}");
    // Each is read once more when its run begins.
    world.until(Status::Succeeded, BEHIND + 1).await;
    let read = world.store.messages();
    assert!(read <= 4 * BEHIND, "{read} messages were read, of {BEHIND}");
    world.runner.stop(DEADLINE).await;
}
