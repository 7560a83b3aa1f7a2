//! Claims: of all runs of a pathway, one does what a step does for a key.
//!
//! A run asks for a claim and gives it back in what it appends, so that who has one and what the
//! journal says are never two things. A run that ends or is parked has none any more.

use super::Millis;

/// What one run does: a step of a pathway, for a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// The pathway's name.
    pub pathway: String,
    /// The path of the step.
    pub step: String,
    /// The key.
    pub key: String,
}

/// A run asks for a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// Which.
    pub claim: Claim,
    /// The execution of the step that asks. It gets what it has, and what it has done: it asks for
    /// that if the journal says no more that it has done it.
    pub instance: String,
    /// When it asks: a claim that is done and was to be kept until then is free.
    pub at: Millis,
}

/// What is answered to a run that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It has the claim.
    Granted,
    /// Another execution has it, and is not finished.
    Held,
    /// It is done.
    Done {
        /// Public id of the run that did it, unless it is forgotten.
        run: Option<String>,
    },
}

/// A run is over with a claim. Nothing happens where it has it not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub claim: Claim,
    /// The execution of the step that had it.
    pub instance: String,
    /// It is done, and that is kept until then; none: it is not, and others may have it.
    pub done_until: Option<Millis>,
}

/// A claim that a run has, or has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Public id of the run, unless it is forgotten.
    pub run: Option<String>,
    /// The execution of the step.
    pub instance: String,
    /// Until when it is kept that it is done; none: it is not done yet.
    pub done_until: Option<Millis>,
}
