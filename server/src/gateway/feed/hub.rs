//! The hub of a feed: what its readers share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pathway_engine::document::Feed;
use pathway_engine::project::Topics;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::FeedCounts;
use super::mark;
use super::reader::Next;
use super::saying::{self, Skipped};
use super::shelf::Shelf;
use crate::bus::{Batch, Positions};

/// How far a hub has got with its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    /// The bus is away, so it is not known yet where the feed begins.
    Away,
    /// Its position is settled.
    Settled,
}

/// What the readers of a feed share.
#[derive(Debug)]
pub(super) struct Hub {
    feed: Arc<Feed>,
    /// What the topic is called on the bus.
    topic: String,
    over: CancellationToken,
    /// Whether it is read, or was.
    has_begun: AtomicBool,
    stage: watch::Sender<Stage>,
    shelf: Mutex<Shelf>,
    told: AtomicU64,
    skipped: AtomicU64,
    has_complained: AtomicBool,
}

impl Hub {
    pub(super) fn new(feed: Arc<Feed>, topics: &Topics, stop: &CancellationToken) -> Self {
        Self {
            over: stop.child_token(),
            has_begun: AtomicBool::new(false),
            topic: topics.real(&feed.topic.value).to_owned(),
            stage: watch::Sender::new(Stage::New),
            shelf: Mutex::new(Shelf::new(feed.replay)),
            feed,
            told: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            has_complained: AtomicBool::new(false),
        }
    }

    /// Whether the same is said of it as of another.
    pub(super) fn says_as(&self, other: &Self) -> bool {
        let Self { feed, topic, .. } = other;
        (&self.feed.name.value, &self.feed.digest, &self.topic) == (&feed.name.value, &feed.digest, topic)
    }

    /// Cancelled when its readers are to be told no more.
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Whether it is the first time that it is asked for being read.
    pub(super) fn begins(&self) -> bool {
        !self.has_begun.swap(true, Ordering::Relaxed)
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn counts(&self) -> FeedCounts {
        FeedCounts {
            told: self.told.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            readers: self.shelf().readers(),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when it was tried to find where the feed begins.
    pub(super) async fn tried(&self) {
        self.reached(|stage| stage != Stage::New).await;
    }

    /// Ready when it is known where the feed begins.
    pub(super) async fn settled(&self) {
        self.reached(|stage| stage == Stage::Settled).await;
    }

    async fn reached(&self, is: impl Fn(Stage) -> bool) {
        let mut stage = self.stage.subscribe();
        // It fails only without a sender, which is here.
        drop(stage.wait_for(|stage| is(*stage)).await);
    }

    pub(super) fn is_settled(&self) -> bool {
        *self.stage.borrow() == Stage::Settled
    }

    /// The bus is away.
    pub(super) fn lost(&self) {
        self.stage.send_if_modified(|stage| {
            let is_new = *stage == Stage::New;
            if is_new {
                *stage = Stage::Away;
            }
            is_new
        });
    }

    /// From here on the topic is read: it begins at `begin`, and what is new is from `end` on.
    pub(super) fn settle(&self, begin: &Positions, end: &Positions) {
        self.shelf().settle(begin, end);
        self.stage.send_replace(Stage::Settled);
    }

    /// Up to where the topic was read.
    pub(super) fn positions(&self) -> Positions {
        self.shelf().positions().clone()
    }

    /// Makes events of records, each once for all who read it.
    pub(super) fn pass_on(&self, batch: &Batch) {
        // Only this changes positions, and it is not called twice at once.
        let mut positions = self.positions();
        for record in &batch.records {
            positions.insert(batch.partition, record.offset + 1);
            let said = saying::of(&self.feed, batch.partition, record);
            let event = match said {
                Ok(said) => said.into_event(batch.partition, record.offset, &mark::write(&positions)),
                Err(skipped) => {
                    self.skip(&skipped, batch.partition, record.offset);
                    continue;
                }
            };
            self.told.fetch_add(1, Ordering::Relaxed);
            let mut shelf = self.shelf();
            shelf.advance(positions.clone());
            shelf.put(event);
        }
        positions.insert(batch.partition, batch.next_offset);
        self.shelf().advance(positions);
    }

    fn skip(&self, skipped: &Skipped, partition: i32, offset: i64) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        let feed = self.feed.name.value.as_str();
        match self.has_complained.swap(true, Ordering::Relaxed) {
            false => tracing::warn!(
                feed, partition, offset, why = %skipped,
                "a record reaches no reader; later ones are counted, and not told of here"
            ),
            true => tracing::debug!(feed, partition, offset, why = %skipped, "a record reaches no reader"),
        }
    }

    /// Whether who saw all before `seen` was told the last event of `key`.
    pub(super) fn is_over(&self, key: &str, seen: &Positions) -> bool {
        self.shelf().is_over(key, seen)
    }

    /// Begins to read the events of `key`: after those that were `seen`, as far as they are kept;
    /// else, and where that cannot be, those of records that are new.
    pub(super) fn join(self: Arc<Self>, key: &str, seen: Option<Positions>) -> Reader {
        let key: Arc<str> = key.into();
        let (number, bell) = self.shelf().join(&key, seen);
        Reader { hub: self, key, number, bell }
    }
}

/// Somebody who reads a feed; gone when this is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    hub: Arc<Hub>,
    key: Arc<str>,
    number: u64,
    bell: Arc<Notify>,
}

impl Reader {
    /// What comes next, without waiting.
    fn take(&self) -> Next {
        self.hub.shelf().take(&self.key, self.number)
    }

    /// What comes next. Safe to cancel.
    pub(super) async fn next(&self) -> Next {
        loop {
            // It hears from here on, before it is looked.
            let rung = self.bell.notified();
            match self.take() {
                Next::Nothing => rung.await,
                next => return next,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.shelf().leave(&self.key, self.number);
    }
}
