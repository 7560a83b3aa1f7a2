//! What of a run is to be run again, and the run that does.

use pathway_engine::vm::Portion;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::runner::{self, Version};

/// What of a run is to be run again, and by which definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Again {
    /// This step and all that depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// This step alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// `pinned` or `current`.
    pub definition: Version,
}

/// A run that runs another one again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// Its public id.
    pub id: String,
    /// The run that it runs again.
    pub rerun_of: String,
    /// Steps that keep what they came to.
    pub kept: Vec<String>,
    /// Whether the run that it runs again is parked, and stays so.
    pub parked: bool,
    /// Whether it waits until that one leaves their lane.
    pub waits_for_parked: bool,
    /// Whether the token of whoever asked has expired: it runs without.
    pub token_expired: bool,
}

impl Again {
    /// The steps that are meant.
    pub(super) fn portion(&self) -> Result<Portion, Error> {
        match (&self.from, &self.only) {
            (None, None) => Ok(Portion::All),
            (Some(step), None) => Ok(Portion::From(step.clone())),
            (None, Some(step)) => Ok(Portion::Only(step.clone())),
            (Some(_), Some(_)) => Err(Error::Invalid("give `from` or `only`, not both".to_owned())),
        }
    }
}

impl Rerun {
    pub(super) fn of(of: &str, parked: bool, rerun: runner::Rerun) -> Self {
        let runner::Rerun { id, kept, token_expired, waits_for_parked } = rerun;
        Self { id, rerun_of: of.to_owned(), kept, parked, waits_for_parked, token_expired }
    }
}
