//! What processes need that share a store: who owns which runs.
//!
//! Runs belong to the partition that they came from, or that the run came from which called them:
//! their [`Home`]. Whoever works on that partition takes them over, which raises the partition's
//! epoch; from then on nothing is written for them under an earlier one, however late it comes. So
//! a process that was stopped for a while and wakes up cannot disturb its successor.

use std::fmt;
use std::sync::Arc;

/// Counts the owners of a partition's runs; only rises.
pub type Epoch = i64;

/// The partition that runs belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Home {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
}

impl Home {
    /// A partition.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), partition }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` partition {}", self.topic, self.partition)
    }
}

/// By what a process may write to runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    /// Which.
    pub home: Home,
    /// Since when.
    pub epoch: Epoch,
}

/// What proves that a change is its owner's; none where one process has the whole store.
pub type Proof = Option<Arc<Tenure>>;
