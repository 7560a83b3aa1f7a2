//! For a while anything may go wrong, while records and requests come; then all must come right.
//!
//! `PATHWAY_CHAOS_SECONDS` says for how long, `PATHWAY_SEED` makes the same choices again.

use std::time::Duration;

use pathway_tests::Chance;
use pathway_tests::kafka::Kafka;
use pathway_tests::postgres::Postgres;

use crate::faults::plague;
use crate::load::Load;
use crate::operator::redrive_all;
use crate::replies::Replies;
use crate::shop::Shop;
use crate::verdict::pronounce;

/// How long things go wrong where nothing is said.
const SECONDS: u64 = 30;
/// How long all may take to come right, and as often as things went wrong for so long.
const PATIENCE: u32 = 4;
const LEAST: Duration = Duration::from_secs(180);

fn duration() -> Duration {
    let given = std::env::var("PATHWAY_CHAOS_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    Duration::from_secs(given.unwrap_or(SECONDS))
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_loop_on_postgres() {
    let Some(postgres) = Postgres::own().await else { return };
    let Some(kafka) = Kafka::own().await else { return };
    survive(Shop::with_postgres(kafka, postgres).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_loop_on_sqlite() {
    let Some(kafka) = Kafka::own().await else { return };
    survive(Shop::with_sqlite(kafka).await).await;
}

async fn survive(mut shop: Shop) {
    let mut chance = Chance::given_or_new();
    let mut replies = Replies::listen(&shop.kafka).await;
    shop.start().await;
    let load = Load::begin(&shop, &mut chance);
    let mut toll = plague(&shop, &mut chance, duration()).await;

    let patience = LEAST.max(duration() * PATIENCE);
    let Ok(asked) = tokio::time::timeout(patience, load.end()).await else {
        panic!("clients wait in vain:\n{}", shop.said())
    };
    if let Err(missing) = replies.all(&asked, patience).await {
        panic!("{missing}\n{}", shop.said());
    }
    toll.redrives = redrive_all(&shop).await;
    for (ends, said) in shop.stop().await {
        let last = ends.last().unwrap();
        assert!(last.success(), "{last}:\n{said}");
        assert!(!said.contains("panicked"), "{said}");
        println!("{ends:?}");
    }
    let store = shop.store().await;
    pronounce(&*store, &shop.upstream.calls(), &replies, &asked, &toll).await;
}
