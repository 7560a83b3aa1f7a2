//! Topics: where records are published and from where runs are admitted.

mod embedded;

use std::fmt;

use futures_util::future::BoxFuture;

pub use embedded::EmbeddedBus;

use crate::store::StoreError;
pub use crate::store::{NewRecord, Offset, Record};

/// The only partition of a topic on the embedded bus.
pub const EMBEDDED_PARTITION: i32 = 0;

/// Why a bus did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// The embedded bus is as good as its store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a bus answers, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, BusError>>;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Where admission goes on; at the oldest record if it never began.
    Admitted,
    /// At the oldest record that is kept.
    Oldest,
    /// At an offset.
    Offset(Offset),
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

/// A bus.
pub trait Bus: fmt::Debug + Send + Sync {
    /// Publishes records; ready when they are durable. One offset per record, in order.
    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>>;

    /// Reads a topic, which need not exist yet.
    fn subscribe(&self, topic: &str, start: Start) -> Answer<'_, Box<dyn Subscription>>;
}

/// A reader of a topic, with a position of its own.
pub trait Subscription: fmt::Debug + Send {
    /// The next records, as soon as there is one: at most `max`, and no more than `max_bytes`
    /// unless the first alone is larger. Safe to cancel: the position moves with the answer.
    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Batch>;
}
