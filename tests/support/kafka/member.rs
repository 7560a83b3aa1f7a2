//! Another member of a consumer group: it takes partitions, looks at records, and leaves them to
//! the others again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use tokio::sync::watch;

use super::client::{LOOK, created};
use super::{Kafka, blocking};
use crate::soon;

/// A member of a group that commits nothing.
#[derive(Debug)]
pub struct Member {
    owned: watch::Receiver<usize>,
    leaving: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Tells how many partitions were given to it.
struct Owned(watch::Sender<usize>);

impl ClientContext for Owned {}

impl ConsumerContext for Owned {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.0.send_modify(|owned| match rebalance {
            Rebalance::Assign(list) => *owned += list.count(),
            Rebalance::Revoke(list) => *owned -= list.count().min(*owned),
            Rebalance::Error(_) => *owned = 0,
        });
    }
}

impl Member {
    /// One that joins now, with this strategy of assignment: `range` or `cooperative-sticky`,
    /// which all members of a group have in common.
    ///
    /// # Panics
    /// If there is no consumer to be had.
    #[must_use]
    pub fn join(kafka: &Kafka, group: &str, topics: &[&str], strategy: &str) -> Self {
        let (sender, owned) = watch::channel(0);
        let mut config = kafka.client();
        config.set("group.id", group).set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("partition.assignment.strategy", strategy);
        config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "500");
        let consumer: BaseConsumer<Owned> = created(config.create_with_context(Owned(sender)));
        created(consumer.subscribe(topics));
        let leaving = Arc::new(AtomicBool::new(false));
        let asked = leaving.clone();
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                consumer.poll(LOOK);
            }
            // Leaves the group when it is dropped.
        });
        Self { owned, leaving, thread: Some(thread) }
    }

    /// Ready when it has been given partitions.
    ///
    /// # Panics
    /// If it is given none.
    pub async fn owns(&mut self) {
        let given = soon("a partition for the new member", self.owned.wait_for(|owned| *owned > 0));
        assert!(given.await.is_ok(), "the member has left");
    }

    /// Leaves the group; ready when it has.
    ///
    /// # Panics
    /// If it had failed.
    pub async fn leave(mut self) {
        self.leaving.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            assert!(blocking(move || thread.join()).await.is_ok(), "the member has failed");
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}
