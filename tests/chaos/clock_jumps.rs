//! The wall clock of a worker jumps, forth and back, while its runs wait: they wait as long as they are
//! to, neither less nor until the clock says so again, and all else goes on as ever.

use std::collections::BTreeSet;
use std::time::Duration;

use pathway_server::store::Status;
use pathway_tests::kafka::{Kafka, Message};
use pathway_tests::postgres::Postgres;
use pathway_tests::{WallClock, soon};
use serde_json::json;

use crate::faults::Toll;
use crate::load::{Asked, produce};
use crate::operator::redrive_all;
use crate::replies::Replies;
use crate::shop::Shop;
use crate::upstream::Call;
use crate::verdict::{pronounce, runs};

/// By how many seconds the clock is ahead, one after the other: minutes, hours, a day.
const AHEAD: [i64; 6] = [600, -600, 7_200, 0, -86_400, 0];
/// Runs that wait while it jumps, and orders before and after.
const EACH: i64 = 20;
/// As the pathway says.
const WAIT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(120);
/// The steps of those who wait.
const STEPS: [&str; 3] = ["begin", "meanwhile", "end"];

async fn remind(kafka: &Kafka, numbers: impl Iterator<Item = i64>) {
    let record =
        |number: i64| Message::to("reminders").key(&number.to_string()).json(&json!({"number": number}));
    kafka.write(numbers.map(record)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_clock_says_runs_wait_as_long_as_they_are_to() {
    let Some(clock) = WallClock::own() else { return };
    let Some(postgres) = Postgres::own().await else { return };
    let Some(kafka) = Kafka::own().await else { return };
    let mut shop = Shop::with_postgres(kafka, postgres).await;
    shop.clock = Some(clock);
    let mut replies = Replies::listen(&shop.kafka).await;
    shop.start().await;
    for worker in &shop.workers {
        worker.log.says(0, "work was given out").await;
    }

    let mut asked = Asked::default();
    for (round, ahead) in (0..).zip(AHEAD) {
        let (from, to) = (round * EACH, (round + 1) * EACH);
        let in_round = |call: &&Call| (from..to).contains(&call.number);
        let have = |calls: &[Call], step: &str| {
            let of = calls.iter().filter(in_round).filter(|call| call.step == step);
            of.map(|call| call.number).collect::<BTreeSet<_>>().len() == (from..to).count()
        };
        shop.upstream.hold("meanwhile");
        remind(&shop.kafka, from..to).await;
        soon("all to wait", shop.upstream.until(|calls| have(calls, "meanwhile"))).await;
        let calls = shop.upstream.calls();
        let is_touched = calls.iter().filter(in_round).any(|call| call.process == "worker-a.1");
        assert!(is_touched, "none of those who wait is with the worker whose clock jumps");
        produce(&shop.kafka, 2 * from..2 * from + EACH).await;
        shop.clock.as_ref().unwrap().set_ahead(ahead);
        // What comes meanwhile wakes nobody early.
        shop.upstream.release("meanwhile");
        produce(&shop.kafka, 2 * from + EACH..2 * to).await;
        soon("all to go on", shop.upstream.until(|calls| have(calls, "end"))).await;
        asked.records.extend(2 * from..2 * to);
    }
    replies.all(&asked, PATIENCE).await.unwrap();
    let toll = Toll { redrives: redrive_all(&shop).await, ..Toll::default() };
    for (ends, said) in shop.stop().await {
        assert_eq!(ends.len(), 1, "a process ended:\n{said}");
        assert!(ends[0].success(), "{said}");
    }

    let (waits, calls): (Vec<_>, Vec<_>) =
        shop.upstream.calls().into_iter().partition(|call| STEPS.contains(&call.step.as_str()));
    waited_long_enough(&waits);
    let store = shop.store().await;
    let reminders = runs(&*store, "reminder").await;
    assert_eq!(reminders.len() as i64, EACH * AHEAD.len() as i64);
    assert!(reminders.iter().all(|run| run.status == Status::Succeeded), "{reminders:#?}");
    pronounce(&*store, &calls, &replies, &asked, &toll).await;
}

/// Each has called for each of its steps, under one key, and has waited before the last. Of one that was
/// taken over meanwhile, by a process with another clock, that is not promised.
fn waited_long_enough(calls: &[Call]) {
    let mut taken_over = 0;
    for number in 0..EACH * AHEAD.len() as i64 {
        let of = calls.iter().filter(|call| call.number == number).collect::<Vec<_>>();
        let keys: BTreeSet<_> = of.iter().map(|call| &call.key).collect();
        assert_eq!(keys.len(), STEPS.len(), "each step once: {of:#?}");
        let begun = of.iter().rfind(|call| call.step == "begin").unwrap();
        let ended = of.iter().find(|call| call.step == "end").unwrap();
        let waited = ended.at - begun.at;
        taken_over += usize::from(begun.process != ended.process);
        assert!(waited >= WAIT || begun.process != ended.process, "{number} waited {waited:?}: {of:#?}");
    }
    assert!(taken_over < calls.len() / STEPS.len() / 2, "{taken_over} were taken over");
}
