//! A worker that stands still for longer than its group waits, and then goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use pathway_tests::kafka::Kafka;
use pathway_tests::postgres::Postgres;
use pathway_tests::soon;

use crate::faults::Toll;
use crate::load::{Asked, produce};
use crate::operator::redrive_all;
use crate::replies::Replies;
use crate::shop::Shop;
use crate::upstream::Call;
use crate::verdict::pronounce;

/// Orders before it stands still, and after it has gone on.
const BEFORE: i64 = 40;
const AFTER: i64 = 80;
const PATIENCE: Duration = Duration::from_secs(120);

/// What it says when it has lost its partitions.
const LOST: &str = "the group has taken partitions away from us";
/// What whoever was robbed says.
const ROBBED: &str = "its runs were taken over by another process, which the bus does not know of";

/// The orders that a process has called for.
fn orders_of(calls: &[Call], process: &str) -> BTreeSet<i64> {
    calls.iter().filter(|call| call.process == process).map(|call| call.number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stood_still_disturbs_nobody() {
    let Some(postgres) = Postgres::own().await else { return };
    let Some(kafka) = Kafka::own().await else { return };
    let mut shop = Shop::with_postgres(kafka, postgres).await;
    let mut replies = Replies::listen(&shop.kafka).await;
    shop.start().await;
    let mut toll = Toll::default();

    // Both are in the middle of runs when one of them stops where it is, …
    shop.upstream.hold("stock");
    produce(&shop.kafka, 0..BEFORE).await;
    let [still, other] = &shop.workers[..] else { panic!("there are two workers") };
    let both_work = |calls: &[Call]| {
        ["worker-a.1", "worker-b.1"].iter().all(|process| !orders_of(calls, process).is_empty())
    };
    soon("both workers at work", shop.upstream.until(both_work)).await;
    let process = still.signal("STOP").await;
    assert_eq!(process, "worker-a.1");
    toll.interruptions += 1;
    toll.stood_still.insert(process.clone());

    // … and the other takes its partitions over, and ends all runs.
    let taken_over = |calls: &[Call]| orders_of(calls, "worker-b.1").is_superset(&orders_of(calls, &process));
    soon("the other to take over", shop.upstream.until(taken_over)).await;
    shop.upstream.release("stock");
    let mut asked = Asked { records: (0..BEFORE).collect(), ..Asked::default() };
    replies.all(&asked, PATIENCE).await.unwrap();

    // Then it goes on, with answers to calls of runs that are no longer its own.
    let (from, calls) = (still.log.here(), shop.upstream.calls().len());
    still.signal("CONT").await;
    still.log.says_all(from, &[LOST, "its runs are ours"]).await;
    produce(&shop.kafka, BEFORE..AFTER).await;
    let works_again =
        |calls: &[Call]| orders_of(calls, &process).last().is_some_and(|number| *number >= BEFORE);
    soon("it to work again", shop.upstream.until(works_again)).await;
    asked.records.extend(BEFORE..AFTER);
    replies.all(&asked, PATIENCE).await.unwrap();

    let mut before = shop.upstream.calls();
    let again = before.split_off(calls);
    // What it was about to call when it stood still was under way.
    let under_way = |call: &Call| {
        let is_same = |other: &Call| other.process == call.process && other.key == call.key;
        call.process == process && !before.iter().any(is_same)
    };
    let again: Vec<_> = again.iter().filter(|call| call.number < BEFORE && !under_way(call)).collect();
    assert!(again.is_empty(), "what was finished was called again: {again:#?}");
    assert!(!other.log.text().contains(ROBBED), "the other was disturbed:\n{}", other.log.text());
    toll.redrives = redrive_all(&shop).await;
    for (ends, said) in shop.stop().await {
        assert_eq!(ends.len(), 1, "a process ended:\n{said}");
        assert!(ends[0].success(), "{said}");
    }
    let store = shop.store().await;
    pronounce(&*store, &shop.upstream.calls(), &replies, &asked, &toll).await;
}
