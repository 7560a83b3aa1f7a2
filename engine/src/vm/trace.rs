//! What happens to steps, for whoever watches a run.

use super::Failure;
use crate::Value;
use crate::expression::Now;

/// Something that happened to an execution of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// When.
    pub at: Now,
    /// Which execution.
    pub instance: String,
    /// What.
    pub change: Change,
}

/// What happened to an execution of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An attempt was begun.
    Begun {
        /// 1, 2, …
        attempt: u32,
    },
    /// It chose one of several blocks, which runs.
    Chose {
        /// Which, in the order written.
        block: usize,
    },
    /// An attempt failed, and there will be another.
    Retrying {
        /// The attempt that failed.
        attempt: u32,
        /// When the next begins.
        at: Now,
        /// Why it failed.
        failure: Failure,
    },
    /// It is finished.
    Finished {
        /// Its output.
        output: Value,
    },
    /// It keeps what it came to in the run that this one runs again.
    Kept {
        /// Its output.
        output: Value,
    },
    /// It was left out.
    Skipped,
    /// It failed for good.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It was stopped because another failed.
    Cancelled,
}
