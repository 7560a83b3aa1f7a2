//! Lanes over a restart.

use std::path::Path;
use std::time::Duration;

use pathway_server::runner::Version;
use pathway_server::store::{SqliteStore, Status};

use super::{DEADLINE, Upstream, World, program, project};

#[tokio::test]
async fn a_redriven_run_waits_for_its_lane_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t, key: input.user }
steps: { call: { http: { service: api, get: "/{{ input.path }}" } } }
"#;
    let compiled = || program(&project(&url), &[pathway]);
    let open = |folder: &Path| SqliteStore::open(folder).unwrap();
    let world = World::start(open(folder.path()), compiled()).await;
    world.publish("t", r#"{"user": "a", "path": "broken"}"#).await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    world.publish("t", r#"{"user": "a", "path": "slow"}"#).await;
    upstream.called("slow", 1).await;
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    upstream.called("slow", 2).await;
    assert_eq!(upstream.count("broken"), 1, "the other was under way");
    upstream.go.notify_waiters();
    upstream.called("broken", 2).await;
    world.until(Status::Succeeded, 1).await;
    world.runner.stop(DEADLINE).await;
}
