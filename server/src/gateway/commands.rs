//! What callers may do to their runs, as whoever owns the runs carries it out.

use std::fmt;

use futures_util::future::BoxFuture;
use pathway_engine::journal::Signal;

/// Why a command was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such run, or no longer.
    #[error("there is no such run")]
    Unknown,
    /// The run has ended.
    #[error("the run has ended")]
    Ended,
    /// The run cannot take it as it is; why, in words for its caller.
    #[error("{0}")]
    Refused(String),
    /// It could not be passed on; for the log.
    #[error("{0}")]
    Unavailable(String),
}

/// Carries out what callers may do to their runs. Ready when it is durable that it will happen.
pub trait Commands: fmt::Debug + Send + Sync {
    /// Calls a run off.
    fn cancel(&self, run: &str) -> BoxFuture<'_, Result<(), CommandError>>;

    /// Sends a run a signal.
    fn signal(&self, run: &str, signal: Signal) -> BoxFuture<'_, Result<(), CommandError>>;
}
