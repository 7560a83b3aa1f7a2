//! What is under way when a runner stops.

use std::sync::Arc;

use pathway_server::clock::Clock;
use pathway_server::store::{SqliteStore, Status};
use pathway_server::telemetry::metrics::{Requests, Scrape};

use super::held::Held;
use super::{DEADLINE, World, program};

#[tokio::test]
async fn what_ends_within_its_admission_is_told_also_if_the_runner_stops_meanwhile() {
    let pathway = "pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n";
    let world = World::start(Held::new(SqliteStore::in_memory().unwrap()), program("{}", &[pathway])).await;
    world.store.hold();
    world.publish("t", r#"{"n": 1}"#).await;
    tokio::time::timeout(DEADLINE, world.store.committed()).await.expect("it was not admitted in time");
    assert_eq!(world.runs(Some(Status::Succeeded)).await.len(), 1);
    // It begins to stop, and then hears that the run is over.
    let release = async { world.store.go() };
    tokio::join!(biased; world.runner.stop(DEADLINE), release);
    let scrape = Scrape {
        store: world.store.clone(),
        bus: world.bus.clone(),
        runner: world.runner.clone(),
        requests: Arc::<Requests>::default(),
        clock: Clock::system(),
    };
    let page = scrape.page().await.unwrap();
    assert!(page.contains("pathway_runs_total{pathway=\"p\",result=\"succeeded\"} 1"), "{page}");
}
