//! A database that goes away: it is waited for, and not for ever.

use std::time::Duration;

use pathway_tests::kafka::{Kafka, Reader};
use pathway_tests::postgres::Postgres;
use pathway_tests::{Chance, soon};
use reqwest::StatusCode;

use crate::faults::Toll;
use crate::load::{Asked, Doors, answer, produce};
use crate::operator::redrive_all;
use crate::replies::Replies;
use crate::shop::Shop;
use crate::upstream::Call;
use crate::verdict::pronounce;

const PATIENCE: Duration = Duration::from_secs(120);
/// How a process ends that cannot go on.
const CANNOT_GO_ON: Option<i32> = Some(70);

#[tokio::test(flavor = "multi_thread")]
async fn the_store_goes_away_and_comes_back() {
    let Some(postgres) = Postgres::own().await else { return };
    let Some(kafka) = Kafka::own().await else { return };
    let mut shop = Shop::with_postgres(kafka, postgres.clone()).await;
    let mut replies = Replies::listen(&shop.kafka).await;
    shop.start_gateways().await;

    // A request that nobody has taken up yet …
    let mut doors = Doors::new(&shop, Chance::given_or_new());
    let early = tokio::spawn(doors.order_once(0));
    Reader::from_start(&shop.kafka, &["orders"]).await.next().await;
    let from: Vec<_> = shop.doors().iter().map(|gateway| gateway.log.here()).collect();
    postgres.kill().await;
    for (gateway, from) in shop.doors().iter().zip(from) {
        gateway.log.says(from, "is not heard of for a moment").await;
    }
    postgres.start().await;

    // … and one that is worked on …
    shop.upstream.hold("stock");
    shop.start_workers().await;
    let late = tokio::spawn(doors.order_once(1));
    let called = |calls: &[Call]| calls.iter().any(|call| call.step == "stock" && call.number == 1);
    soon("a call", shop.upstream.until(called)).await;
    let from: Vec<_> = shop.workers.iter().map(|worker| worker.log.here()).collect();
    postgres.kill().await;
    shop.upstream.release("stock");
    let away = shop.workers.iter().zip(from).map(|(worker, from)| worker.log.says(from, "the store is away"));
    futures_util::future::select_all(away.map(Box::pin)).await;
    postgres.start().await;

    // … are answered when it is back, by the processes that were there.
    assert_eq!(soon("an answer", early).await.unwrap(), (StatusCode::OK, answer(0)));
    assert_eq!(soon("an answer", late).await.unwrap(), (StatusCode::OK, answer(1)));
    let asked = Asked { requests: (0..2).collect(), ..Asked::default() };
    replies.all(&asked, PATIENCE).await.unwrap();
    let redrives = redrive_all(&shop).await;
    for (ends, said) in shop.stop().await {
        assert_eq!(ends.len(), 1, "a process ended:\n{said}");
        assert!(ends[0].success(), "{said}");
    }
    let toll = Toll { interruptions: 2, redrives, ..Toll::default() };
    pronounce(&*shop.store().await, &shop.upstream.calls(), &replies, &asked, &toll).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_away_ends_workers_and_the_next_go_on() {
    let Some(postgres) = Postgres::own().await else { return };
    let Some(kafka) = Kafka::own().await else { return };
    let mut shop = Shop::with_postgres(kafka, postgres.clone()).await;
    let mut replies = Replies::listen(&shop.kafka).await;
    shop.start().await;
    shop.upstream.hold("stock");
    produce(&shop.kafka, 0..40).await;
    let both_work = |calls: &[Call]| {
        ["worker-a.1", "worker-b.1"].iter().all(|process| calls.iter().any(|call| call.process == *process))
    };
    soon("both workers at work", shop.upstream.until(both_work)).await;

    let from: Vec<_> = shop.workers.iter().map(|worker| worker.log.here()).collect();
    postgres.kill().await;
    shop.upstream.release("stock");
    for (worker, from) in shop.workers.iter().zip(from) {
        worker.log.says_all(from, &["the runner cannot go on", "cannot open the store"]).await;
    }
    postgres.start().await;
    let asked = Asked { records: (0..40).collect(), ..Asked::default() };
    replies.all(&asked, PATIENCE).await.unwrap();
    let redrives = redrive_all(&shop).await;
    let workers = shop.workers.len();
    for (place, (ends, said)) in shop.stop().await.into_iter().enumerate() {
        assert!(ends.last().unwrap().success(), "{said}");
        if place < workers {
            assert!(ends.len() > 1 && ends[0].code() == CANNOT_GO_ON, "{ends:?}:\n{said}");
        } else {
            // Gateways hold nothing that could be wrong, and wait on.
            assert_eq!(ends.len(), 1, "{ends:?}:\n{said}");
            // It says so once, however long it waits.
            assert_eq!(said.matches("is not heard of for a moment").count(), 1, "{said}");
            assert_eq!(said.matches("is heard of again").count(), 1, "{said}");
        }
    }
    let toll = Toll { interruptions: 2, redrives, ..Toll::default() };
    pronounce(&*shop.store().await, &shop.upstream.calls(), &replies, &asked, &toll).await;
}
