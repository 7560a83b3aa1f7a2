//! The durable store: runs, their journals and streams, and the topics of the embedded bus.
//!
//! Every change is atomic and is acknowledged only when it is durable: what was answered survives
//! a power cut, what was not is there in full or not at all. Changes carry what they expect of
//! the store (the next sequence number, the next offset) and fail with [`Conflict`] when it is
//! otherwise, so that two writers can never both believe that they own a run.
//!
//! A store on disk that could not commit answers nobody any more: it is *stopped* (see
//! [`Store::stopped`]) and so must the process be, because after a failed `fsync` only the disk
//! knows what is true. Readers wait for [`Watch`]es; nothing polls.

mod change;
mod claim;
mod cutoff;
mod error;
mod folder;
mod headers;
mod memory;
mod message;
mod payload;
mod postgres;
mod sharing;
mod sqlite;
mod stop;
mod view;
mod watch;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use change::{
    Admission, Admit, Append, Appended, DuplicateOf, Idempotency, NewEvent, NewRecord, NewRun, Outlet, Prune,
    Pruned, Settle, Status, StatusChange, StreamRow,
};
pub use claim::{Claim, Claimed, Release, Take, Taken};
pub use cutoff::{Cutoff, Cutoffs};
pub use error::{Conflict, StoreError};
pub(crate) use folder::make_private;
pub use headers::Headers;
pub use memory::MemoryStore;
pub use message::{Mark, Message, Most, NewMessage, Page, Unreceived};
pub use payload::Payload;
pub use postgres::{PostgresOptions, PostgresStore, PostgresUrlError};
pub use sharing::{Epoch, Home, Proof, Tenure};
pub use sqlite::SqliteStore;
pub use view::{Counts, Event, Filter, Outgoing, Position, Record, Run, Tick};
pub use watch::{Ended, Hub, News, Notice, Subject, Watch};

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// A place in a partition of a topic, from 0.
pub type Offset = i64;

/// The store's own number of a run: rising in the order of admission, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a store answers, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Durable state. The first group of methods changes it, the second reads, the third tells of
/// changes.
///
/// A change whose future is dropped before it is ready may have happened or not.
pub trait Store: fmt::Debug + Send + Sync {
    /// By which others know this store from another.
    fn id(&self) -> &str;

    /// Whether other processes may write to it at the same time: then runs are written to by whoever
    /// has taken them over, see [`Store::take_over`].
    fn is_shared(&self) -> bool {
        false
    }

    /// Takes over the runs of a partition: nothing is written for them under an earlier epoch from now
    /// on, and all that was is to be seen.
    fn take_over(&self, home: &Home) -> Answer<'_, Epoch>;

    /// Inserts runs and moves the source's next offset. One answer per run, in order.
    fn admit(&self, change: Admit) -> Answer<'_, Vec<Admission>>;

    /// Appends to a run's journal, with all that follows from it.
    fn append(&self, change: Append) -> Answer<'_, Appended>;

    /// Appends to what a run streams to its caller.
    fn append_stream(&self, run: RunId, rows: Vec<StreamRow>) -> Answer<'_, ()>;

    /// Puts records on topics of the embedded bus. One offset per record, in order.
    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>>;

    /// Notes what became of records in the outbox.
    fn settle(&self, change: Settle) -> Answer<'_, ()>;

    /// Leaves a message for a run, for its owner to pass on.
    fn post(&self, message: NewMessage) -> Answer<'_, ()>;

    /// Drops messages that reach nobody any more.
    fn discard(&self, messages: Vec<i64>) -> Answer<'_, ()>;

    /// Keeps the text that `digest` names; runs are admitted only for definitions that are kept.
    fn define(&self, digest: &str, text: &str) -> Answer<'_, ()>;

    /// Notes whether a process is at work, with a partition or, without a proof, with the whole store;
    /// tells what was noted before. Who begins and learns that one is at work knows that it ended in a
    /// crash. Under an earlier epoch than the partition's nothing is noted.
    fn set_at_work(&self, proof: Proof, at_work: bool) -> Answer<'_, bool>;

    /// Counts that runs are taken up after a crash: tells of each that there is how often it was in a row
    /// with nothing added to its journal.
    fn take_up(&self, runs: Vec<RunId>) -> Answer<'_, Vec<(RunId, u32)>>;

    /// Takes back that runs were counted when they were taken up last.
    fn put_down(&self, runs: Vec<RunId>) -> Answer<'_, ()>;

    /// Forgets what is finished and old. Returns when nothing more is to be forgotten; other
    /// changes go on meanwhile.
    fn prune(&self, change: Prune) -> Answer<'_, Pruned>;

    /// The text that `digest` names.
    fn definition(&self, digest: &str) -> Answer<'_, Option<String>>;

    /// Runs that are ready or parked, in order of admission, after `after`.
    fn unfinished(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>>;

    /// As [`Store::unfinished`], of the runs that are ready.
    fn ready(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>>;

    /// As [`Store::unfinished`], of the runs that belong to a partition.
    fn unfinished_of(&self, home: &Home, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>>;

    /// The topics that runs belong to which are not finished, in order.
    fn unfinished_topics(&self) -> Answer<'_, Vec<String>>;

    /// Messages that no run has received yet, after `after`, in order: for runs of these partitions, or
    /// for all.
    fn inbox(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Answer<'_, Page>;

    /// Messages that a run has not received yet, after `after`, in order.
    fn inbox_of(&self, run: RunId, after: Mark, most: Most) -> Answer<'_, Vec<Message>>;

    /// How many messages there are that no run has received yet, of the first so many.
    fn unreceived(&self, most: u32) -> Answer<'_, Unreceived>;

    /// A run's journal, from its `started` event (0) on; without what was compacted, so that there may
    /// be numbers between that one and the next that nothing has.
    fn events(&self, run: RunId) -> Answer<'_, Vec<Event>>;

    /// The journals of the first of these runs, in order: of as many as can be read together, and of
    /// one at least.
    fn journals(&self, runs: &[RunId]) -> Answer<'_, Vec<Vec<Event>>> {
        let first = runs.first().copied();
        Box::pin(async move {
            match first {
                Some(run) => Ok(vec![self.events(run).await?]),
                None => Ok(Vec::new()),
            }
        })
    }

    /// The run with this public id.
    fn run(&self, public_id: &str) -> Answer<'_, Option<Run>>;

    /// The newest run with this correlation id, of one pathway or of any.
    fn run_by_correlation(&self, pathway: Option<&str>, correlation: &str) -> Answer<'_, Option<Run>>;

    /// The run that a subject started with an idempotency key.
    fn run_by_idempotency(&self, pathway: &str, subject: Option<&str>, key: &str) -> Answer<'_, Option<Run>>;

    /// Runs, the newest first.
    fn runs(&self, filter: Filter) -> Answer<'_, Vec<Run>>;

    /// The runs that a run called, in order.
    fn children(&self, run: RunId) -> Answer<'_, Vec<Run>>;

    /// The runs that run the one with this public id again, the newest first.
    fn reruns(&self, public_id: &str, limit: u32) -> Answer<'_, Vec<Run>>;

    /// What a run streamed after the row `(attempt, seq)`, or from the start.
    fn stream(&self, run: RunId, after: Option<(u32, u32)>, limit: u32) -> Answer<'_, Vec<StreamRow>>;

    /// Records from `from` on: at most `limit`, and no more than `max_bytes` unless the first
    /// alone is larger.
    fn records(
        &self,
        topic: &str,
        partition: i32,
        from: Offset,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Record>>;

    /// The offset of the next record that will be published.
    fn end_offset(&self, topic: &str, partition: i32) -> Answer<'_, Offset>;

    /// The offset of the next record to admit; none: nothing was admitted from there yet.
    fn next_offset(&self, topic: &str, partition: i32) -> Answer<'_, Option<Offset>>;

    /// Records in the outbox numbered above `after`: at most `limit`, and no more than
    /// `max_bytes` unless the first alone is larger.
    fn outbox(&self, after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>>;

    /// As [`Store::outbox`], of what runs of these partitions sent.
    fn outbox_of(
        &self,
        homes: &[Home],
        after: i64,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Outgoing>>;

    /// Who has a claim, or has done it; none: nobody.
    fn claimed(&self, claim: &Claim) -> Answer<'_, Option<Claimed>>;

    /// How many runs there are.
    fn counts(&self) -> Answer<'_, Counts>;

    /// How many runs there are that are ready or parked, whatever else is kept.
    fn unfinished_counts(&self) -> Answer<'_, Counts>;

    /// The last tick of a schedule that is done with; none: it was never seen.
    fn last_tick(&self, pathway: &str, schedule: &str) -> Answer<'_, Option<Tick>>;

    /// Says that a schedule's ticks are done with up to this one.
    fn set_last_tick(&self, pathway: &str, schedule: &str, tick: Tick) -> Answer<'_, ()>;

    /// Tells when a run changes: when it is admitted (or dropped as a duplicate), streams,
    /// or changes status. The run need not exist yet. By its correlation id, only when it is
    /// admitted.
    fn watch_run(&self, public_id: &str) -> Watch;

    /// Tells when a claim is given back or done.
    fn watch_claim(&self, claim: &Claim) -> Watch;

    /// Tells when records are published on a topic.
    fn watch_topic(&self, topic: &str) -> Watch;

    /// Tells when records are added to the outbox.
    fn watch_outbox(&self) -> Watch;

    /// Tells when messages are left for runs.
    fn watch_inbox(&self) -> Watch;

    /// Ready with the reason when the store can no longer write. The process is to stop.
    fn stopped(&self) -> BoxFuture<'static, Arc<str>>;
}
