//! Runs without a journal.

use pathway_server::bus::Start;

use super::*;

async fn read(world: &World, topic: &str, count: usize) -> Vec<String> {
    let mut reader = world.bus.subscribe(topic, Start::Oldest).await.unwrap();
    let mut values = Vec::new();
    let reading = async {
        while values.len() < count {
            let records = reader.next_batch(100, 1 << 20).await.unwrap().records;
            values.extend(
                records.into_iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()),
            );
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap();
    values
}

const PURE: &str = "pathway: p
durability: none
on: { topic: t }
steps: { tell: { publish: { topic: out, value: \"{{ input.n * 2 }}\" } } }
";

#[tokio::test]
async fn what_they_send_is_sent_in_order_and_nothing_of_them_is_stored() {
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[PURE])).await;
    for n in 0..50 {
        world.publish("t", &format!(r#"{{"n": {n}}}"#)).await;
    }
    let expected: Vec<_> = (0..50).map(|n| (n * 2).to_string()).collect();
    assert_eq!(read(&world, "out", 50).await, expected);
    assert_eq!(world.runs(None).await, []);
}

#[tokio::test]
async fn what_is_done_is_not_done_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = "pathway: p
durability: none
on: { topic: t }
steps:
  call: { http: { service: api, get: \"/{{ input.path }}\" } }
  tell: { publish: { topic: out, value: \"{{ steps.call.body }}\" } }
";
    let open = || SqliteStore::open(folder.path()).unwrap();
    let world = World::start(open(), program(&project(&url), &[pathway])).await;
    world.publish("t", r#"{"path": "one"}"#).await;
    world.publish("t", r#"{"path": "slow"}"#).await;
    world.publish("t", r#"{"path": "three"}"#).await;
    assert_eq!(read(&world, "out", 2).await.len(), 2);
    while world.store.next_offset("t", 0).await.unwrap() != Some(1) {
        tokio::task::yield_now().await;
    }
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    upstream.go.notify_one();
    let world = World::start(open(), program(&project(&url), &[pathway])).await;
    // The one that was cut off runs again, and so does the one behind it.
    assert_eq!(read(&world, "out", 4).await.len(), 4);
    assert_eq!((upstream.count("one"), upstream.count("three")), (1, 2));
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_fails_is_a_dead_letter() {
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[PURE])).await;
    world.publish("t", "{broken").await;
    world.publish("t", r#"{"m": 1}"#).await;
    world.publish("t", r#"{"n": 4}"#).await;
    assert_eq!(read(&world, "out", 1).await, ["8"]);
    assert_eq!(read(&world, "t.dlq", 2).await, ["{broken", r#"{"m": 1}"#]);
}
