//! How a store says no.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Epoch, Home, Offset, RunId};

/// Why a store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The change expected another state. Nothing of it was written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The change cannot be written as it is. Nothing of it was.
    #[error("the change was refused: {0}")]
    Refused(Arc<dyn Error + Send + Sync>),
    /// Nothing can be written any more; the change may be durable or not.
    #[error("the store has stopped: {0}")]
    Stopped(Arc<str>),
    /// The database cannot be reached, or does not work. Nothing of the change was written; later
    /// ones may be.
    #[error("the store is away: {0}")]
    Away(Arc<dyn Error + Send + Sync>),
    /// The database was lost while it committed, and could not be asked since: the change may be
    /// durable or not.
    #[error("the store was lost in the middle of a change, and whether it was written is not known: {0}")]
    Unknown(Arc<dyn Error + Send + Sync>),
    /// A read failed.
    #[error("the store cannot be read: {0}")]
    Read(Arc<dyn Error + Send + Sync>),
    /// Another process holds the folder.
    #[error(
        "`{}` is in use by another pathway process{}", folder.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process, if it said so.
        pid: Option<u32>,
    },
    /// Another process holds the database.
    #[error("the store in `{place}` is in use by another pathway process")]
    Held {
        /// The database.
        place: String,
    },
    /// A newer version wrote it.
    #[error(
        "the store in `{place}` has schema version {found}, and this version of pathway knows only {known}: \
         use the newer version, or another data folder"
    )]
    Newer {
        /// The folder or database.
        place: String,
        /// The schema version that was found.
        found: i64,
        /// The newest one that is known.
        known: i64,
    },
    /// It could not be opened.
    #[error("cannot open the store in `{place}`: {source}")]
    Open {
        /// The folder or database.
        place: String,
        /// Why.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The folder cannot be used.
    #[error("cannot use `{}`: {source}", path.display())]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl StoreError {
    /// Whether somebody else has taken over what was to be changed.
    #[must_use]
    pub(crate) const fn is_fenced(&self) -> bool {
        matches!(self, Self::Conflict(Conflict::Fenced { .. }))
    }
}

/// What a change expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another writer appended, or this one twice.
    #[error("run {run} has journal entry {found} next, not {expected}")]
    Seq {
        /// The run.
        run: RunId,
        /// What the change expected.
        expected: u32,
        /// What comes next.
        found: u32,
    },
    /// Nothing follows the end of a run.
    #[error("run {0} is finished")]
    Finished(RunId),
    /// There is no such run, or no longer.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// Another writer admitted, or the store is older than the reader's position.
    #[error("`{topic}` partition {partition} is admitted up to {found}, not {expected}")]
    Offset {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// What the change expected.
        expected: Offset,
        /// The next offset to admit.
        found: Offset,
    },
    /// Another process has taken the runs over.
    #[error("the runs of {home} were taken over: epoch {epoch} has passed, it is {found}")]
    Fenced {
        /// Where they belong to.
        home: Home,
        /// What the change was made under.
        epoch: Epoch,
        /// The one that holds.
        found: Epoch,
    },
    /// A run cannot be pinned to what is not kept.
    #[error("there is no definition `{0}`")]
    UnknownDefinition(String),
    /// A row of a stream is there already.
    #[error("run {run} has streamed {attempt}.{seq} already")]
    StreamRow {
        /// The run.
        run: RunId,
        /// Attempt.
        attempt: u32,
        /// Place within the attempt.
        seq: u32,
    },
}
