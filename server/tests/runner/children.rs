//! Runs that are called by others, when those are over before them.

use std::path::Path;

use pathway_engine::vm::{Class, Failure};
use pathway_server::store::{Append, Run, SqliteStore, Status, StatusChange, Store};

use super::{DEADLINE, World, now, program};

const PARENT: &str = r#"
pathway: parent
on: { topic: t }
steps: { ask: { call: { pathway: child, input: {} } } }
"#;
const CHILD: &str = r#"
pathway: child
steps: { ask: { call: { pathway: grandchild, input: {} } } }
"#;
const GRANDCHILD: &str = r#"
pathway: grandchild
steps: { approval: { wait: { signal: approved } } }
"#;

/// Waits until all three are there, the one that was called last first.
async fn called(world: &World) -> Vec<Run> {
    world.publish("t", "{}").await;
    world.until(Status::Ready, 3).await
}

#[tokio::test]
async fn a_run_that_is_called_off_calls_off_what_it_has_called() {
    let store = SqliteStore::in_memory().unwrap();
    let world = World::start(store, program("{}", &[PARENT, CHILD, GRANDCHILD])).await;
    let parent = called(&world).await.pop().unwrap();
    let reason = Failure::new(Class::Cancelled, "enough");
    assert!(world.runner.cancel(&parent.public_id, reason).await.unwrap());
    world.until(Status::Cancelled, 3).await;
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_was_called_by_a_run_that_is_over_is_called_off_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &Path| SqliteStore::open(folder).unwrap();
    let compiled = || program("{}", &[PARENT, CHILD, GRANDCHILD]);
    let world = World::start(open(folder.path()), compiled()).await;
    let parent = called(&world).await.pop().unwrap();
    world.runner.stop(std::time::Duration::ZERO).await;
    // It was called off, and the process died before it could say so to what it had called.
    let status = StatusChange { status: Status::Cancelled, outcome: None, wake_at: None, at: now() };
    let seq = world.store.events(parent.id).await.unwrap().len() as u32;
    world.store.append(Append { status: Some(status), ..Append::new(parent.id, seq) }).await.unwrap();
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    world.until(Status::Cancelled, 3).await;
    world.runner.stop(DEADLINE).await;
}
