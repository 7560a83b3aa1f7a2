//! Runs that keep more than they may.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::stream;
use pathway_engine::vm::{Class, Failure};
use pathway_server::runner::Version;
use pathway_server::store::{RunId, SqliteStore, Status, Store as _};

use super::*;

/// What a run may keep where it is bounded closely.
const CLOSE: &str = "20KiB";
/// As many bytes.
const CLOSE_BYTES: usize = 20 << 10;

async fn start(folder: &Path, url: &str, max_run: &str, pathway: &str) -> World {
    let project = format!("{}store: {{ max_run: {max_run} }}\n", project(url));
    // What is compacted has other bounds, see `compacting.rs`.
    let never = Compacting { events: u32::MAX, percent: 0 };
    let (store, compiled) = (SqliteStore::open(folder).unwrap(), program(&project, &[pathway]));
    World::start_compacting(store, compiled, (None, Clock::system()), never).await
}

fn too_large(run: &Run) -> Failure {
    let Outcome::Failure(failure) = outcome(run) else { panic!("it has not failed") };
    assert_eq!((failure.class, failure.code.as_deref()), (Class::Bug, Some("run_too_large")), "{failure:?}");
    failure
}

/// Bytes that the store keeps of a run, but for how it started.
async fn kept(world: &World, run: RunId) -> usize {
    let events = world.store.events(run).await.unwrap();
    let rows = world.store.stream(run, None, u32::MAX).await.unwrap();
    let events: usize = events.iter().skip(1).map(|event| event.payload.len()).sum();
    events + rows.iter().map(|row| row.value.len()).sum::<usize>()
}

const LOOP: &str = r#"
pathway: p
on: { topic: t, reply: { topic: replies } }
steps:
  pages:
    while: last.n < 200
    limit: 1000
    steps:
      got: { http: { service: api, get: "/page-{{ last.n if last else 0 }}" } }
    return: { n: "{{ (last.n if last else 0) + 1 }}", text: "{{ steps.got.body }}" }
return: "{{ steps.pages.n }}"
"#;

#[tokio::test]
async fn a_loop_with_small_results_is_bounded_and_goes_on_under_a_larger_bound() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let world = start(folder.path(), &url, CLOSE, LOOP).await;
    world.publish("t", "{}").await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    let failure = too_large(&parked);
    let way_out = "and may have 20 KiB (`store.max_run`); keep large data elsewhere and pass on where it is, \
                   or split the run into several, or raise the limit and redrive it";
    assert!(failure.message.starts_with("the run has come to 20"), "{}", failure.message);
    assert!(failure.message.ends_with(way_out), "{}", failure.message);
    assert_eq!(world.values("t.dlq").await, ["{}"]);
    assert_eq!(world.values("replies").await.len(), 1, "whoever asked is told");
    let before = kept(&world, parked.id).await;
    assert!((CLOSE_BYTES..CLOSE_BYTES + 4096).contains(&before), "{before}");

    // Under the same bound it stays where it is, also where it is only read back.
    let calls = upstream.calls.lock().unwrap().len();
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    let parked = world.until(Status::Parked, 1).await.remove(0);
    too_large(&parked);
    assert_eq!(upstream.calls.lock().unwrap().len(), calls, "it has done nothing more");
    world.runner.stop(DEADLINE).await;
    drop(world);

    let world = start(folder.path(), &url, "1MiB", LOOP).await;
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    let done = world.until(Status::Succeeded, 1).await.remove(0);
    assert_eq!(answer(&done), "200");
    assert!((0..200).all(|n| upstream.count(&format!("page-{n}")) == 1), "each was asked for once");
    assert_eq!(world.values("replies").await.len(), 1, "and is not told again");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn so_are_items_and_what_is_emitted_and_published() {
    let each = r#"
pathway: p
on: { topic: t }
steps:
  all: { each: "range(0, 500) | list", max_parallel: 8, http: { service: api, get: "/{{ item }}" } }
return: "{{ steps.all | length }}"
"#;
    let emits = r#"
pathway: p
on: { topic: t }
steps:
  all: { while: last is not none, limit: 500, emit: "{{ 'text ' * 20 }}" }
return: 1
"#;
    let publishes = r#"
pathway: p
on: { topic: t }
steps:
  all: { while: last.id is not none, limit: 500, publish: { topic: out, value: 1 } }
return: 1
"#;
    let signalled = r#"
pathway: p
on: { topic: t }
steps:
  all: { while: last is not none, limit: 5000, wait: { signal: s } }
return: 1
"#;
    let upstream = Upstream::default();
    let url = upstream.start().await;
    for pathway in [each, emits, publishes, signalled] {
        let folder = tempfile::tempdir().unwrap();
        let world = start(folder.path(), &url, CLOSE, pathway).await;
        world.publish("t", "{}").await;
        if pathway == signalled {
            let run = world.until(Status::Ready, 1).await.remove(0);
            for _ in 0..4 {
                let payload = Value::from("s".repeat(CLOSE_BYTES / 3));
                let signal = Signal { name: "s".into(), payload, from: None, key: None };
                world.runner.signal(&run.public_id, signal).await.unwrap();
            }
        }
        let parked = world.until(Status::Parked, 1).await.remove(0);
        too_large(&parked);
        let kept = kept(&world, parked.id).await;
        assert!((CLOSE_BYTES..CLOSE_BYTES * 2).contains(&kept), "{kept} bytes of {pathway}");
        assert_eq!(world.values("t.dlq").await.len(), 1);
        world.runner.stop(DEADLINE).await;
    }
}

#[tokio::test]
async fn so_is_what_is_passed_on_as_it_arrives() {
    let passes_on = r#"
pathway: p
on: { topic: t }
steps:
  all: { http: { service: api, get: /lines, parse: lines, emit: true } }
return: 1
"#;
    // It never ends.
    let lines = async || {
        let line = || Ok::<_, std::convert::Infallible>("piece ".repeat(20) + "\n");
        Body::from_stream(stream::iter(std::iter::repeat_with(line)))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/lines", get(lines))).await.unwrap() },
    );
    let folder = tempfile::tempdir().unwrap();
    let world = start(folder.path(), &url, CLOSE, passes_on).await;
    world.publish("t", "{}").await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    too_large(&parked);
    let kept = kept(&world, parked.id).await;
    assert!((CLOSE_BYTES..CLOSE_BYTES * 4).contains(&kept), "{kept}");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn how_it_started_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let small =
        "pathway: p\non: { topic: t }\nsteps: { a: { http: { service: api, get: /a } } }\nreturn: 1\n";
    let world = start(folder.path(), &url, CLOSE, small).await;
    world.publish("t", &serde_json::json!({ "text": "t".repeat(CLOSE_BYTES) }).to_string()).await;
    world.until(Status::Succeeded, 1).await;
    world.runner.stop(DEADLINE).await;
}
