//! `once`: of all runs that are about a key one does it, whatever becomes of them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use pathway_server::runner::Version;
use pathway_server::runner::Waiting;

use super::*;

/// Pays, which takes as long as the test wants, and then does as it is told.
const PAYS: &str = r#"
pathway: p
on: { topic: t }
steps:
  paid:
    once: input.order
    steps:
      slow: { http: { service: api, post: /slow } }
      then: { needs: slow, http: { service: api, post: "/{{ input.then | default('fine') }}" } }
    return: "{{ run.id }}"
return: "{{ 'paid' if steps.paid else 'skipped' }}"
"#;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder).unwrap()
}

fn memory() -> SqliteStore {
    SqliteStore::in_memory().unwrap()
}

impl World {
    /// Waits until so many runs wait for a claim: who, and for whom each.
    async fn waiting(&self, count: usize) -> Vec<(Run, String)> {
        let wait = async {
            loop {
                let mut waiting = Vec::new();
                for run in self.runs(Some(Status::Ready)).await {
                    for waits in self.runner.story(&run).await.unwrap().waits {
                        if let Waiting::Claim { holder: Some(holder), .. } = waits {
                            waiting.push((run.clone(), holder));
                        }
                    }
                }
                if waiting.len() >= count {
                    return waiting;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("they did not wait in time")
    }

    async fn answers(&self, count: usize) -> Vec<String> {
        let mut runs = self.until(Status::Succeeded, count).await;
        runs.reverse();
        runs.iter().map(answer).collect()
    }
}

#[tokio::test]
async fn who_comes_second_waits_without_a_slot_and_skips_what_is_done() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let other = "pathway: other\non: { topic: other }\nreturn: \"{{ input.n }}\"\n";
    let project = format!("max_runs: 2\n{}", project(&url));
    let world = World::start(memory(), program(&project, &[PAYS, other])).await;
    world.publish("t", r#"{"order": 7}"#).await;
    upstream.called("slow", 1).await;
    world.publish("t", r#"{"order": "7"}"#).await;
    let first = world.runs(Some(Status::Ready)).await.pop().unwrap().public_id;
    let waiting = world.waiting(1).await;
    assert_eq!(waiting[0].1, format!("p {first} paid"));
    // The one that waits holds no slot, so that others have room.
    world.publish("other", r#"{"n": 1}"#).await;
    world.until(Status::Succeeded, 1).await;
    upstream.go.notify_one();
    assert_eq!(world.answers(3).await, ["\"paid\"", "\"skipped\"", "1"]);
    world.publish("t", r#"{"order": 7}"#).await;
    world.publish("t", r#"{"order": 8, "then": "next"}"#).await;
    upstream.called("slow", 2).await;
    upstream.go.notify_one();
    assert_eq!(world.answers(5).await[3..], ["\"skipped\"", "\"paid\""], "another key is another matter");
    assert_eq!((upstream.count("slow"), upstream.count("fine")), (2, 1));
    world.runner.stop(DEADLINE).await;
    assert!(world.runner.slots().usage().iter().all(|usage| usage.in_use == 0));
}

#[tokio::test]
async fn who_waits_does_it_if_the_first_fails_and_is_parked() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let world = World::start(memory(), program(&project(&url), &[PAYS])).await;
    world.publish("t", r#"{"order": 7, "then": "broken"}"#).await;
    upstream.called("slow", 1).await;
    for _ in 0..2 {
        world.publish("t", r#"{"order": 7}"#).await;
    }
    world.waiting(2).await;
    upstream.go.notify_one();
    upstream.called("slow", 2).await;
    let parked = world.until(Status::Parked, 1).await.remove(0);
    world.waiting(1).await;
    // Who was parked asks again before it goes on, and waits with the others.
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    world.waiting(2).await;
    upstream.go.notify_one();
    let mut answers = world.answers(3).await;
    answers.sort();
    assert_eq!(answers, ["\"paid\"", "\"skipped\"", "\"skipped\""]);
    assert_eq!((upstream.count("slow"), upstream.count("broken"), upstream.count("fine")), (2, 1, 1));
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_parked_run_does_it_when_it_goes_on_if_nobody_else_has() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  paid:
    once: input.order
    steps:
      fine: { http: { service: api, post: /fine } }
      then: { needs: fine, http: { service: api, post: "/{{ input.then }}" } }
    return: "{{ steps.fine.body }}"
return: "{{ steps.paid or 'skipped' }}"
"#;
    let world = World::start(memory(), program(&project(&url), &[pathway])).await;
    world.publish("t", r#"{"order": 7, "then": "broken"}"#).await;
    for redriven in 1..3 {
        let parked = world.until(Status::Parked, 1).await.remove(0);
        upstream.called("broken", redriven).await;
        world.runner.redrive(parked, Version::Pinned).await.unwrap();
    }
    upstream.called("broken", 3).await;
    assert_eq!(upstream.count("fine"), 1, "what was finished inside of it stays so");
    world.until(Status::Parked, 1).await;
    // It has given the claim back.
    world.publish("t", r#"{"order": 7, "then": "slow"}"#).await;
    upstream.called("slow", 1).await;
    upstream.go.notify_one();
    assert_eq!(world.answers(1).await, ["\"got fine\""]);
    let parked = world.until(Status::Parked, 1).await.remove(0);
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    assert_eq!(world.answers(2).await[0], "\"skipped\"");
    assert_eq!(upstream.count("broken"), 3);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_run_that_is_called_off_leaves_it_to_the_next() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let world = World::start(memory(), program(&project(&url), &[PAYS])).await;
    world.publish("t", r#"{"order": 7}"#).await;
    upstream.called("slow", 1).await;
    let first = world.runs(Some(Status::Ready)).await.pop().unwrap().public_id;
    for _ in 0..2 {
        world.publish("t", r#"{"order": 7}"#).await;
    }
    let waiting = world.waiting(2).await;
    let reason = || Failure::new(Class::Cancelled, "enough");
    assert!(world.runner.cancel(&waiting[0].0.public_id, reason()).await.unwrap());
    world.until(Status::Cancelled, 1).await;
    assert!(world.runner.cancel(&first, reason()).await.unwrap());
    world.until(Status::Cancelled, 2).await;
    upstream.called("slow", 2).await;
    upstream.go.notify_waiters();
    assert_eq!(world.answers(1).await, ["\"paid\""]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn after_a_restart_the_same_run_has_it_and_others_wait_on() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let compiled = || program(&project(&url), &[PAYS]);
    let world = World::start(open(folder.path()), compiled()).await;
    world.publish("t", r#"{"order": 7}"#).await;
    upstream.called("slow", 1).await;
    world.publish("t", r#"{"order": 7}"#).await;
    let before = world.waiting(1).await;
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    upstream.called("slow", 2).await;
    assert_eq!(world.waiting(1).await[0].1, before[0].1);
    upstream.go.notify_waiters();
    assert_eq!(world.answers(2).await, ["\"paid\"", "\"skipped\""]);
    assert_eq!(upstream.count("fine"), 1);
    world.runner.stop(DEADLINE).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    world.publish("t", r#"{"order": 7}"#).await;
    assert_eq!(world.answers(3).await[2], "\"skipped\"");
    let keys: HashSet<_> = upstream.calls.lock().unwrap().iter().map(|(_, key)| key.clone()).collect();
    assert_eq!(keys.len(), 2, "one key for each of the steps inside of it");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_redriven_run_stays_behind_those_of_its_lane_whom_it_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = PAYS.replace("{ topic: t }", "{ topic: t, key: input.lane }");
    let compiled = || program(&project(&url), &[&pathway]);
    let world = World::start(open(folder.path()), compiled()).await;
    world.publish("t", r#"{"lane": 1, "order": 7, "then": "broken"}"#).await;
    upstream.called("slow", 1).await;
    upstream.go.notify_one();
    let parked = world.until(Status::Parked, 1).await.remove(0);
    world.publish("t", r#"{"lane": 1, "order": 7}"#).await;
    upstream.called("slow", 2).await;
    world.runner.redrive(parked, Version::Pinned).await.unwrap();
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    upstream.called("slow", 3).await;
    upstream.go.notify_waiters();
    assert_eq!(world.answers(2).await, ["\"skipped\"", "\"paid\""]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn items_of_one_run_with_the_same_key_are_done_once() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  lines:
    each: input.lines
    max_parallel: 3
    once: item
    http: { service: api, post: /fine, json: "{{ index }}" }
return: "{{ steps.lines | pluck('body', 'skipped') }}"
"#;
    let world = World::start(memory(), program(&project(&url), &[pathway])).await;
    world.publish("t", r#"{"lines": ["a", "a", null, "b", "a", null]}"#).await;
    let answer = world.answers(1).await.remove(0);
    assert_eq!((answer.matches("got").count(), answer.matches("skipped").count()), (4, 2), "{answer}");
    assert_eq!(upstream.count("fine"), 4);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_is_undone_is_not_done_any_more() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  paid:
    once: input.order
    http: { service: api, post: /pay }
    compensate: { http: { service: api, delete: "/{{ input.undo }}" } }
  told: { once: input.order, http: { service: api, post: /tell } }
  then: { needs: [paid, told], http: { service: api, post: "/{{ input.then }}" } }
return: "{{ ['paid' if steps.paid else 'skipped', 'told' if steps.told else 'skipped'] }}"
"#;
    let world = World::start(memory(), program(&project(&url), &[pathway])).await;
    let go = async |order: u8, undo: &str, then: &str| {
        world.publish("t", &format!(r#"{{"order": {order}, "undo": "{undo}", "then": "{then}"}}"#)).await;
    };
    go(7, "refund", "broken").await;
    world.until(Status::Failed, 1).await;
    go(7, "refund", "fine").await;
    assert_eq!(world.answers(1).await, [r#"["paid","skipped"]"#], "what has no compensation stays done");
    go(8, "broken", "broken").await;
    world.until(Status::Failed, 2).await;
    go(8, "refund", "fine").await;
    assert_eq!(world.answers(2).await[1], r#"["skipped","skipped"]"#, "nor is what could not be undone");
    assert_eq!((upstream.count("pay"), upstream.count("refund"), upstream.count("tell")), (3, 1, 2));
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn after_thirty_days_it_is_forgotten() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = "pathway: p\non: { topic: t }\nsteps: { a: { once: input.k, http: { service: api, get: /a } } }\n\
                   return: \"{{ steps.a is not none }}\"\n";
    let days = Arc::new(AtomicI64::new(0));
    let clock = {
        let days = days.clone();
        Clock::new(move || {
            Timestamp::now() + jiff::SignedDuration::from_hours(24 * days.load(Ordering::Relaxed))
        })
    };
    let world = World::start_at(memory(), program(&project(&url), &[pathway]), None, clock).await;
    for (n, (day, expected)) in [(0, "true"), (29, "false"), (31, "true")].into_iter().enumerate() {
        days.store(day, Ordering::Relaxed);
        world.publish("t", r#"{"k": 1}"#).await;
        assert_eq!(world.answers(n + 1).await[n], expected, "after {day} days");
    }
    assert_eq!(upstream.count("a"), 2);
    world.runner.stop(DEADLINE).await;
}

/// Each order is about to be paid by many runs, and the process ends again and again.
#[tokio::test]
async fn wherever_it_is_killed_each_key_is_done_by_one_run() {
    const ORDERS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  paid:
    once: input.order
    steps:
      a: { http: { service: api, post: "/a/{{ input.order }}" } }
      b: { needs: a, http: { service: api, post: "/b/{{ input.order }}" } }
    return: true
return: "{{ steps.paid or false }}"
"#;
    let compiled = || program(&project(&url), &[pathway]);
    let mut world = World::start(open(folder.path()), compiled()).await;
    for n in 0..ORDERS * 5 {
        world.publish("t", &format!(r#"{{"order": {}}}"#, n % ORDERS)).await;
    }
    for calls in 1..6 {
        let more = async {
            while upstream.calls.lock().unwrap().len() < calls * 2 {
                upstream.called.notified().await;
            }
        };
        tokio::time::timeout(DEADLINE, more).await.unwrap();
        world.runner.stop(Duration::ZERO).await;
        drop(world);
        world = World::start(open(folder.path()), compiled()).await;
    }
    let answers = world.answers(ORDERS * 5).await;
    assert_eq!(answers.iter().filter(|answer| *answer == "true").count(), ORDERS);
    // However often a call was repeated, it was the same one.
    let calls: HashSet<_> = upstream.calls.lock().unwrap().iter().cloned().collect();
    assert_eq!(calls.len(), ORDERS * 2, "{calls:?}");
    world.runner.stop(DEADLINE).await;
}
