//! Feeds: the records of a topic as events, for those whom they are for.
//!
//! Each feed has one [`Hub`], which reads the topic once for all readers and makes each event
//! once. What was said is kept for a while in a [`Ring`](ring::Ring), and every reader is a place
//! in it: readers take events at their own pace, so a slow one costs nobody else anything, and one
//! that comes back goes on where it was.

mod asking;
mod door;
mod hub;
mod mark;
mod pump;
mod reader;
mod ring;
mod saying;
mod shelf;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::routing::{MethodRouter, get};
use tokio_util::task::TaskTracker;

use super::{Gateway, Parts};
use hub::Hub;

/// How long serving waits for the topics of feeds; a bus that is away must not keep doors shut.
const SUBSCRIBING: Duration = Duration::from_secs(10);

/// How a feed is doing, since its gateway began to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedCounts {
    /// Records that became events.
    pub told: u64,
    /// Records that reached nobody: no JSON, no key, or not fit for what the feed says of them.
    pub skipped: u64,
    /// Readers at this moment.
    pub readers: usize,
}

/// The feeds of a gateway.
#[derive(Debug)]
pub(super) struct Feeds {
    hubs: Vec<Arc<Hub>>,
}

impl Feeds {
    /// Those of `parts`, and of them those of `before` of which the same is said.
    pub(super) fn new(parts: &Parts, before: Option<&Self>) -> Self {
        let hub = |feed| {
            let hub = Hub::new(Arc::clone(feed), &parts.project.topics, &parts.stop);
            let known = before.and_then(|before| before.hubs.iter().find(|known| known.says_as(&hub)));
            known.cloned().unwrap_or_else(|| Arc::new(hub))
        };
        Self { hubs: parts.program.feeds.values().map(hub).collect() }
    }

    /// Ends those that are not among `others`.
    pub(super) fn end_all_but(&self, others: &Self) {
        for hub in &self.hubs {
            if !others.hubs.iter().any(|other| Arc::ptr_eq(other, hub)) {
                hub.over().cancel();
            }
        }
    }

    /// Begins to read their topics. Ready when each knows where it begins, so that nothing is
    /// missed from then on, or has found that the bus is away.
    pub(super) async fn start(&self, parts: &Parts, tasks: &TaskTracker) {
        for hub in self.hubs.iter().filter(|hub| hub.begins()) {
            tasks.spawn(pump::run(hub.clone(), parts.bus.clone()));
        }
        let tried = futures_util::future::join_all(self.hubs.iter().map(|hub| hub.tried()));
        if tokio::time::timeout(SUBSCRIBING, tried).await.is_err() {
            tracing::warn!("the topics of feeds cannot be read yet");
        }
    }

    /// The path of each, and what answers there.
    pub(super) fn routes(&self, gateway: &Gateway) -> impl Iterator<Item = (&str, MethodRouter)> {
        self.hubs.iter().map(|hub| {
            let (gateway, owned) = (gateway.clone(), hub.clone());
            let enter = move |request: Request| door::enter(gateway.clone(), owned.clone(), request);
            (hub.feed().path.value.as_str(), get(enter))
        })
    }

    pub(super) fn counts(&self, feed: &str) -> Option<FeedCounts> {
        self.hubs.iter().find(|hub| hub.feed().name.value == feed).map(|hub| hub.counts())
    }
}
