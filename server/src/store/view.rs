//! What is read.

use super::change::size;
use super::{Headers, Home, Millis, NewRecord, Offset, Payload, RunId, Status};

/// Where a record is, or was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: Offset,
}

/// A run, without its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The store's number.
    pub id: RunId,
    /// The UUID that callers know.
    pub public_id: String,
    /// The pathway's name.
    pub pathway: String,
    /// The definition it is pinned to.
    pub digest: String,
    /// Who asked.
    pub subject: Option<String>,
    /// Where it came from.
    pub source: Option<Position>,
    /// Where it belongs to; none: it was started by hand.
    pub home: Option<Home>,
    /// Its ordering key.
    pub lane: Option<String>,
    /// By which a caller finds its answer: its own public id, unless it was given another.
    pub correlation: String,
    /// Hash of the input that came with the caller's idempotency key.
    pub input_hash: Option<Vec<u8>>,
    /// The run that called it.
    pub parent: Option<RunId>,
    /// The public id of the run that it runs again, which may be forgotten.
    pub rerun_of: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Since when it waits for its turn, if it was redriven and has not gone on yet.
    pub wake_at: Option<Millis>,
    /// When it was admitted.
    pub created_at: Millis,
    /// When it finished.
    pub finished_at: Option<Millis>,
    /// The result or failure.
    pub outcome: Option<Vec<u8>>,
}

/// An event of a run's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// From 0, without gaps.
    pub seq: u32,
    /// Its name.
    pub kind: String,
    /// What it says.
    pub payload: Vec<u8>,
}

/// A record of the embedded bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: Offset,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; none is a tombstone.
    pub value: Option<Payload>,
    /// Headers.
    pub headers: Headers,
    /// When it was made.
    pub time: Millis,
}

impl Record {
    /// The bytes of what it says.
    pub(crate) fn size(&self) -> usize {
        size(self.key.as_deref(), self.value.as_deref(), &self.headers)
    }
}

/// A record that is on its way to a bus outside of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number: records are sent in this order.
    pub id: i64,
    /// The record.
    pub record: NewRecord,
    /// Why the bus will never take it, if it said so.
    pub refused: Option<String>,
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only with this status.
    pub status: Option<Status>,
    /// Only of this pathway.
    pub pathway: Option<String>,
    /// Only admitted before this one: for the next page.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: u32,
}

/// How many runs there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ready.
    pub ready: u64,
    /// Parked.
    pub parked: u64,
    /// Succeeded.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// Where a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Ticks up to this time are done with.
    pub at: Millis,
    /// Public id of the run of the last tick that was published.
    pub run: Option<String>,
}
