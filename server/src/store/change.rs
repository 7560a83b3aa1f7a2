//! What can be changed, and what is answered.

use std::fmt;

use super::{Cutoffs, Headers, Millis, Offset, Payload, Proof, Release, RunId, Take, Taken};

/// Where a run stands. Running is not a status: who owns a ready run knows whether it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It runs, or waits for something that will come by itself.
    Ready,
    /// It waits for a human.
    Parked,
    /// It returned.
    Succeeded,
    /// It failed for good.
    Failed,
    /// It was called off.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ready, Self::Parked, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// Its name, as stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A caller's promise that two requests with the same key are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key; unique per pathway and subject.
    pub key: String,
    /// Hash of the input that came with it.
    pub input_hash: Vec<u8>,
}

/// A run to insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// A UUID; ordered in time (version 7) where it may be, since that is what indexes like.
    pub public_id: String,
    /// The pathway's name.
    pub pathway: String,
    /// The definition it is pinned to.
    pub digest: String,
    /// Who asked; none: nobody who is known.
    pub subject: Option<String>,
    /// Where in the admitted partition it came from; none for children, and for what is started by
    /// hand, which belongs to whatever partition is proven to be owned.
    pub offset: Option<Offset>,
    /// Its ordering key.
    pub lane: Option<String>,
    /// By which a caller finds its answer; none: by its public id.
    pub correlation: Option<String>,
    /// What makes it the same message as another; unique per pathway.
    pub dedupe_id: Option<String>,
    /// The caller's promise.
    pub idempotency: Option<Idempotency>,
    /// The public id of the run that it runs again.
    pub rerun_of: Option<String>,
    /// When it was admitted.
    pub at: Millis,
    /// Payload of its `started` event.
    pub started: Vec<u8>,
    /// Ready, or what it became already.
    pub status: Status,
    /// Of a run that is parked or finished already.
    pub outcome: Option<Vec<u8>>,
    /// What it has sent already.
    pub records: Vec<NewRecord>,
    /// What it has streamed already.
    pub stream: Vec<StreamRow>,
}

/// Turns records into runs, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admit {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// That this process owns it.
    pub proof: Proof,
    /// The offset that the store must hold now, unless it holds none.
    pub from_offset: Offset,
    /// The offset that it holds then.
    pub next_offset: Offset,
    /// The messages that asked for them.
    pub received: Vec<i64>,
    /// The runs.
    pub runs: Vec<NewRun>,
}

/// What became of a run to insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It is there now.
    Inserted(RunId),
    /// It is one that was there already; nothing was written.
    Duplicate {
        /// The one that was there.
        run: RunId,
        /// Its public id.
        public_id: String,
        /// In what they are the same.
        of: DuplicateOf,
    },
}

/// In what two runs are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateOf {
    /// The public id.
    PublicId,
    /// The pathway and the source position.
    Position,
    /// The pathway and the dedupe id.
    DedupeId,
    /// The pathway, the subject and the idempotency key.
    IdempotencyKey {
        /// Whether the input is the same too, as it must be.
        same_input: bool,
    },
}

/// An event of a run's journal; its sequence number follows from its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its name.
    pub kind: &'static str,
    /// What it says.
    pub payload: Vec<u8>,
}

/// A record to publish. Bytes may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Topic.
    pub topic: String,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; none is a tombstone.
    pub value: Option<Payload>,
    /// Headers.
    pub headers: Headers,
    /// When it was made.
    pub time: Millis,
}

impl NewRecord {
    /// The bytes of what it says, its topic aside.
    pub(crate) fn size(&self) -> usize {
        size(self.key.as_deref(), self.value.as_deref(), &self.headers)
    }
}

/// The bytes of what a record says.
pub(super) fn size(key: Option<&[u8]>, value: Option<&[u8]>, headers: &Headers) -> usize {
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers.size()
}

/// A piece of what a run streams to its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRow {
    /// Attempt of the streaming step; only rises.
    pub attempt: u32,
    /// Place within the attempt.
    pub seq: u32,
    /// The piece.
    pub value: Vec<u8>,
}

/// A run's new status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// Status.
    pub status: Status,
    /// The result or failure, of a run that is not ready.
    pub outcome: Option<Vec<u8>>,
    /// Since when a ready run waits for its turn, that was redriven and has not gone on yet.
    pub wake_at: Option<Millis>,
    /// When it changed.
    pub at: Millis,
}

/// Appends to a run's journal, with all that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Of which run; it must not be finished.
    pub run: RunId,
    /// That this process owns it.
    pub proof: Proof,
    /// The sequence number of the first event, were there one: one more than the last in the
    /// journal, where `started` is 0.
    pub expected_seq: u32,
    /// The events.
    pub events: Vec<NewEvent>,
    /// Whether the last of them stands for all before it but `started`, which are deleted.
    pub compacts: bool,
    /// What is published because of them.
    pub records: Vec<NewRecord>,
    /// The runs that are called because of them.
    pub children: Vec<NewRun>,
    /// What is streamed because of them.
    pub stream: Vec<StreamRow>,
    /// The messages that it has received with them.
    pub received: Vec<i64>,
    /// Claims that the run is over with because of them.
    pub released: Vec<Release>,
    /// Claims that the run asks for then.
    pub taken: Vec<Take>,
    /// What the run becomes. One that is not ready then has no claims any more.
    pub status: Option<StatusChange>,
    /// The definition that it is pinned to from now on, if that is another one.
    pub definition: Option<String>,
}

impl Append {
    /// Changes nothing yet.
    #[must_use]
    pub const fn new(run: RunId, expected_seq: u32) -> Self {
        Self {
            run,
            proof: None,
            expected_seq,
            events: Vec::new(),
            compacts: false,
            records: Vec::new(),
            children: Vec::new(),
            stream: Vec::new(),
            received: Vec::new(),
            released: Vec::new(),
            taken: Vec::new(),
            status: None,
            definition: None,
        }
    }
}

/// What an [`Append`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// One offset per record.
    pub offsets: Vec<Offset>,
    /// One answer per child.
    pub children: Vec<Admission>,
    /// One answer per claim that was asked for.
    pub taken: Vec<Taken>,
}

/// Where the records go that runs send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlet {
    /// To topics in this store.
    Topics,
    /// To the outbox, from where they are sent to a bus elsewhere.
    Outbox,
}

/// What became of records in the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settle {
    /// They are on the bus: the first and the last number of each stretch.
    pub sent: Vec<(i64, i64)>,
    /// The bus will never take them, and why.
    pub refused: Vec<(i64, String)>,
}

/// What to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// Runs that finished before, with their journals and streams.
    pub runs_before: Cutoffs,
    /// Records made before, if they were admitted or nobody admits from their topic.
    pub records_before: Millis,
    /// Claims that are done and are kept until before.
    pub claims_before: Millis,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs.
    pub runs: u64,
    /// Records.
    pub records: u64,
    /// Claims.
    pub claims: u64,
}
