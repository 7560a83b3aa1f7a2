//! Slots for each key, of runs that others have called and that are taken up.

use std::path::Path;
use std::time::Duration;

use pathway_engine::limits::Limit;
use pathway_server::store::{SqliteStore, Status};

use super::{DEADLINE, Upstream, World, program, project};

const PARENT: &str = r#"
pathway: parent
on: { topic: t }
steps: { all: { each: "[1, 2]", call: { pathway: child, input: { user: "{{ input.user }}" } } } }
"#;
const CHILD: &str = r#"
pathway: child
max_runs: { slots: 1, per: input.user }
steps: { a: { http: { service: api, get: /slow } } }
"#;

/// Waits until so many wait for a slot of their key, while nothing else happens.
async fn wait_for_keys(world: &World, waiting: usize) {
    let wait = async {
        while world.runner.slots().waiting().len() != waiting {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("they do not wait");
    let is_key = |limit: &Limit| matches!(limit, Limit::Key(pathway, _) if **pathway == *"child");
    assert!(world.runner.slots().waiting().iter().all(|waiter| is_key(&waiter.limit)));
}

#[tokio::test]
async fn a_key_holds_for_runs_that_are_called_and_for_those_that_are_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let compiled = || program(&project(&url), &[PARENT, CHILD]);
    let open = |folder: &Path| SqliteStore::open(folder).unwrap();
    let world = World::start(open(folder.path()), compiled()).await;
    for user in ["ann", "ben"] {
        world.publish("t", &format!(r#"{{"user": "{user}"}}"#)).await;
    }
    upstream.called("slow", 2).await;
    wait_for_keys(&world, 2).await;
    assert_eq!(upstream.count("slow"), 2);
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    upstream.called("slow", 4).await;
    wait_for_keys(&world, 2).await;
    assert_eq!(upstream.count("slow"), 4);
    upstream.go.notify_waiters();
    upstream.called("slow", 6).await;
    upstream.go.notify_waiters();
    world.until(Status::Succeeded, 6).await;
    world.runner.stop(DEADLINE).await;
    let usage = world.runner.slots().usage();
    assert!(usage.iter().all(|usage| (usage.in_use, usage.waiting, usage.keys) == (0, 0, 0)), "{usage:?}");
}
