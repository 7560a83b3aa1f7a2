//! Topics: where records are published and from where runs are admitted.

mod dead_letters;
mod embedded;
mod kafka;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use dead_letters::{dead_letters_of, is_dead_letters};
pub use embedded::EmbeddedBus;
pub use kafka::{KafkaBus, KafkaTopics, Made, PartitionState};

use crate::store::{Millis, StoreError};
pub use crate::store::{NewRecord, Offset, Record};

/// The only partition of a topic on the embedded bus.
pub const EMBEDDED_PARTITION: i32 = 0;

/// Why a bus did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// The embedded bus is as good as its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be reached, or did not answer in time: it may work later.
    #[error("{0}")]
    Away(String),
    /// A record is larger than it takes.
    #[error("{0}")]
    TooLarge(String),
    /// It will never do this.
    #[error("{0}")]
    Refused(String),
}

impl BusError {
    /// Whether the same may work later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Away(_))
    }
}

/// What a bus answers, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, BusError>>;

/// The next offset of each partition of a topic.
pub type Positions = BTreeMap<i32, Offset>;

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is kept.
    Oldest,
    /// At the first record made at this time or later.
    Since(Millis),
    /// At these offsets; at the oldest record in partitions that are not named.
    At(Positions),
    /// At what is published from now on.
    End,
}

/// Records of one partition, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Partition.
    pub partition: i32,
    /// Where it begins; records that are kept no longer may be missing at the beginning.
    pub from_offset: Offset,
    /// Where the next one begins.
    pub next_offset: Offset,
    /// At least one.
    pub records: Vec<Record>,
}

impl Batch {
    /// What of it is not before an offset; none: nothing.
    #[must_use]
    pub fn after(mut self, offset: Offset) -> Option<Self> {
        self.records.retain(|record| record.offset >= offset);
        self.from_offset = self.from_offset.max(offset);
        (self.next_offset > offset).then_some(self)
    }
}

/// Who knows where the work on a topic goes on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The store's next offset; what the bus keeps is a hint.
    Store,
    /// What was committed to the bus.
    Bus,
}

/// A topic to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its real name.
    pub topic: String,
    /// Who knows where to go on.
    pub truth: Truth,
}

/// How far the work on a partition is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The topic's real name.
    pub topic: String,
    /// Which of the topic.
    pub partition: i32,
    /// Records that work has not come to.
    pub records: u64,
}

/// Whether the bus can be reached; else why not.
pub type Reach = Result<(), Arc<str>>;

/// A bus.
pub trait Bus: fmt::Debug + Send + Sync {
    /// Publishes records; ready when they are durable. One offset per record, in order.
    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>>;

    /// As [`Bus::publish`], with an answer of its own for each record, in order. Whoever publishes keeps
    /// the records, to send again what was not taken.
    fn publish_each(&self, records: Arc<Vec<NewRecord>>) -> BoxFuture<'_, Vec<Result<Offset, BusError>>> {
        let count = records.len();
        Box::pin(async move {
            match self.publish(Arc::unwrap_or_clone(records)).await {
                Ok(offsets) => offsets.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); count],
            }
        })
    }

    /// Reads all of a topic, which need not exist yet, for oneself alone. Where it begins is
    /// settled when this is ready.
    fn subscribe(&self, topic: &str, start: Start) -> Answer<'_, Box<dyn Subscription>>;

    /// Takes part in the work on topics, which each partition is given to one process of.
    fn consume(&self, topics: Vec<Work>) -> Answer<'_, Box<dyn Consumer>>;

    /// Whether [`Bus::consume`] may be asked again, for further topics.
    fn takes_more_work(&self) -> bool {
        false
    }

    /// One record, if it is still kept.
    fn record(&self, topic: &str, partition: i32, offset: Offset) -> Answer<'_, Option<Record>>;

    /// How far the work on these topics is behind, in the partitions that this process has.
    fn lags(&self, topics: Vec<String>) -> Answer<'_, Vec<Lag>> {
        drop(topics);
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Whether it can be reached and work has been given out.
    fn reach(&self) -> watch::Receiver<Reach>;

    /// Ready when all consumers and subscriptions that were dropped have ended, or took too long.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A reader of a topic, with a position of its own.
pub trait Subscription: fmt::Debug + Send {
    /// The next records, as soon as there is one: at most `max`, and no more than `max_bytes`
    /// unless the first alone is larger. Safe to cancel: the position moves with the answer.
    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Batch>;

    /// Where it stands.
    fn positions(&self) -> Positions;
}

/// A member of those who share the work.
pub trait Consumer: fmt::Debug + Send {
    /// The next partition that this process is to work on. Safe to cancel.
    fn assigned(&mut self) -> Answer<'_, Box<dyn Partition>>;
}

/// A partition to work on, until it is given to somebody else. Whoever takes it over waits until
/// it is dropped, for a while.
pub trait Partition: fmt::Debug + Send {
    /// The topic's real name.
    fn topic(&self) -> &str;

    /// Which of the topic.
    fn number(&self) -> i32;

    /// As [`Subscription::next_batch`]; none when the partition is to be given up.
    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Option<Batch>>;

    /// Ready when the partition is to be given up.
    fn given_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Says that nothing before `next` has to be read again.
    fn done(&self, next: Offset);
}
