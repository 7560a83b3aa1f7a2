//! Runs with long journals, which are compacted.

use std::collections::BTreeSet;
use std::path::Path;

use pathway_engine::vm::{Failure, Portion};
use pathway_server::runner::{RerunError, Version};
use pathway_server::store::{Event as Stored, RunId, SqliteStore, Status, Store as _};

use super::*;

/// Journals are compacted after so many events.
const EVENTS: u32 = 40;

async fn start(folder: &Path, url: &str, pathway: &str) -> World {
    start_when(folder, &project(url), pathway, Compacting { events: EVENTS, percent: 60 }).await
}

async fn start_when(folder: &Path, project: &str, pathway: &str, when: Compacting) -> World {
    let (store, compiled) = (SqliteStore::open(folder).unwrap(), program(project, &[pathway]));
    World::start_compacting(store, compiled, (None, Clock::system()), when).await
}

async fn journal(world: &World, run: RunId) -> Vec<Stored> {
    world.store.events(run).await.unwrap()
}

fn bytes(journal: &[Stored]) -> usize {
    journal.iter().map(|event| event.payload.len()).sum()
}

/// Whether the journal of a run was compacted, and is short.
async fn is_short(world: &World, run: RunId, least: u32) {
    let journal = journal(world, run).await;
    assert_eq!(journal[1].kind, "compacted");
    assert!(journal.last().unwrap().seq > least, "{:?}", journal.last());
    assert!(journal.len() < EVENTS as usize * 4, "{} events", journal.len());
}

const LOOP: &str = r#"
pathway: p
on: { topic: t, reply: { topic: replies } }
steps:
  first: { http: { service: api, get: /first } }
  pages:
    needs: first
    while: last.n < 300
    limit: 1000
    steps:
      got: { http: { service: api, get: "/{{ 'slow' if last and last.n == 200 else 'page-' ~ (last.n if last else 0) }}" } }
    return: { n: "{{ (last.n if last else 0) + 1 }}", text: "{{ steps.got.body }}" }
  last: { needs: pages, http: { service: api, get: "/{{ input.last }}" } }
return: "{{ steps.first.body }}, {{ steps.pages.n }}, {{ run.attempt }}"
"#;

#[tokio::test]
async fn a_long_loop_keeps_a_short_journal_and_is_taken_up_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let world = start(folder.path(), &url, LOOP).await;
    world.publish("t", r#"{"last": "end"}"#).await;
    upstream.called("slow", 1).await;
    let run = world.runs(Some(Status::Ready)).await.remove(0);
    is_short(&world, run.id, 200).await;
    let story = world.runner.story(&run).await.unwrap();
    let untold = story.untold.unwrap();
    assert!(untold.starts_with("the first ") && untold.contains("compacted"), "{untold}");
    let told = |instance: &str| story.happened.iter().any(|trace| trace.instance == instance);
    assert!(told("first") && told("pages~201.got"), "{:?}", story.happened);
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = start(folder.path(), &url, LOOP).await;
    upstream.called("slow", 2).await;
    upstream.go.notify_waiters();
    upstream.go.notify_one();
    let done = world.until(Status::Succeeded, 1).await.remove(0);
    assert_eq!(answer(&done), "\"got first, 300, 1\"");
    is_short(&world, run.id, 300).await;
    let once = (0..300).filter(|n| *n != 200).all(|n| upstream.count(&format!("page-{n}")) == 1);
    assert!(once && upstream.count("first") == 1, "what was answered is not asked for again");
    let calls = upstream.calls.lock().unwrap().clone();
    let keys: BTreeSet<_> = calls.iter().filter(|(path, _)| path == "slow").map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 1, "what was under way is asked for with its key");
    assert_eq!(world.values("replies").await.len(), 1);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn so_does_an_each_with_many_items() {
    let each = r#"
pathway: p
on: { topic: t }
steps:
  all:
    each: "range(0, 500) | list"
    max_parallel: 4
    steps:
      got: { http: { service: api, get: "/{{ 'slow' if item == 400 else item }}" } }
    return: "{{ steps.got.body }}"
return: "{{ steps.all | length }}, {{ steps.all[7] }}"
"#;
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let world = start(folder.path(), &url, each).await;
    world.publish("t", "{}").await;
    upstream.called("499", 1).await;
    upstream.called("slow", 1).await;
    let run = world.runs(Some(Status::Ready)).await.remove(0);
    let held = journal(&world, run.id).await;
    assert_eq!(held[1].kind, "compacted");
    let whole = bytes(&held[2..]) / (held.len() - 2) * held.last().unwrap().seq as usize;
    assert!(bytes(&held) < whole * 8 / 10, "{} bytes of {whole}", bytes(&held));
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = start(folder.path(), &url, each).await;
    upstream.called("slow", 2).await;
    upstream.go.notify_waiters();
    upstream.go.notify_one();
    let done = world.until(Status::Succeeded, 1).await.remove(0);
    assert_eq!(answer(&done), "\"500, got 7\"");
    let once = (0..499).filter(|n| *n != 400).all(|n| upstream.count(&n.to_string()) == 1);
    assert!(once, "what was answered is not asked for again");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_run_that_failed_is_redriven_and_what_needs_all_events_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = LOOP.replace("'slow' if last and last.n == 200 else ", "");
    let world = start(folder.path(), &url, &pathway).await;
    world.publish("t", r#"{"last": "broken"}"#).await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    is_short(&world, parked.id, 300).await;
    let refused = world.runner.rerun(parked.clone(), Portion::From("last".into()), Version::Pinned).await;
    let Err(RerunError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert!(why.ends_with("were compacted, and are not known any more: run all of it again"), "{why}");
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    let parked = until_asked(&world, &upstream, 2).await;
    let Outcome::Failure(Failure { attempts, step, .. }) = outcome(&parked) else { panic!("{parked:?}") };
    assert_eq!((attempts, step.as_deref()), (2, Some("last")));
    // All of it runs again.
    let before = upstream.count("first");
    world.runner.rerun(parked, Portion::All, Version::Pinned).await.unwrap();
    upstream.called("broken", 3).await;
    assert_eq!(upstream.count("first"), before + 1);
    world.until(Status::Parked, 2).await;
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn one_that_became_too_large_before_goes_on_under_the_same_bound() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = LOOP.replace("'slow' if last and last.n == 200 else ", "");
    let project = format!("{}store: {{ max_run: 20KiB }}\n", project(&url));
    let never = Compacting { events: u32::MAX, percent: 0 };
    let world = start_when(folder.path(), &project, &pathway, never).await;
    world.publish("t", r#"{"last": "end"}"#).await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    let Outcome::Failure(failure) = outcome(&parked) else { panic!("{parked:?}") };
    assert_eq!(failure.code.as_deref(), Some("run_too_large"));
    world.runner.stop(DEADLINE).await;
    drop(world);

    // Its journal has an eighth of that by far.
    let when = Compacting { events: u32::MAX, percent: 60 };
    let world = start_when(folder.path(), &project, &pathway, when).await;
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    let done = world.until(Status::Succeeded, 1).await.remove(0);
    assert_eq!(answer(&done), "\"got first, 300, 2\"");
    assert!((0..300).all(|n| upstream.count(&format!("page-{n}")) == 1), "each was asked for once");
    assert!(bytes(&journal(&world, done.id).await) < 20 << 10);
    world.runner.stop(DEADLINE).await;
}

/// The run, once it is parked after so many calls that failed.
async fn until_asked(world: &World, upstream: &Upstream, times: usize) -> Run {
    upstream.called("broken", times).await;
    world.until(Status::Parked, 1).await.remove(0)
}

#[tokio::test]
async fn signals_that_came_before_are_known_and_no_secret_is_in_the_store() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  logged_in: { secret: true, http: { service: api, get: /planted-answer } }
  all: { needs: logged_in, while: last.n < 199, limit: 500, wait: { signal: s } }
  sent: { needs: all, http: { service: api, get: /sent, headers: { X-Token: "{{ steps.logged_in.body }}" } } }
return: "{{ steps.all.n }}"
"#;
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let mut world = start(folder.path(), &url, pathway).await;
    world.publish("t", "{}").await;
    upstream.called("planted-answer", 1).await;
    let run = world.runs(Some(Status::Ready)).await.remove(0);
    for n in 0..200 {
        let (payload, key) = (Value::from_pairs([("n", n)]), Some(n.to_string()));
        let signal = Signal { name: "s".into(), payload, from: None, key };
        for _ in 0..=usize::from(n % 20 == 0) {
            world.runner.signal(&run.public_id, signal.clone()).await.unwrap();
        }
        if n == 120 {
            until_short(&world, run.id).await;
            world.runner.stop(DEADLINE).await;
            drop(world);
            world = start(folder.path(), &url, pathway).await;
            // It came before, and counts no more.
            let first = Signal { payload: Value::from_pairs([("n", 0)]), key: Some("0".into()), ..signal };
            world.runner.signal(&run.public_id, first).await.unwrap();
        }
    }
    let done = world.until(Status::Succeeded, 1).await.remove(0);
    assert_eq!(answer(&done), "199");
    let journal = journal(&world, run.id).await;
    assert_eq!(journal[1].kind, "compacted");
    for event in &journal {
        assert!(!String::from_utf8_lossy(&event.payload).contains("planted"), "{}", event.kind);
    }
    world.runner.stop(DEADLINE).await;
}

/// Waits until the journal of a run was compacted.
async fn until_short(world: &World, run: RunId) {
    let short = async {
        while journal(world, run).await.get(1).is_none_or(|event| event.kind != "compacted") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, short).await.expect("it is compacted");
}
