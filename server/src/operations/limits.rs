//! How many may do something at once: looked at, and set while the server runs.

use pathway_engine::limits;
use serde::{Deserialize, Serialize};

use super::{Error, Operations};
use crate::runner::{LimitState, TuneError};

/// The limits of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Changes whenever one is set.
    pub revision: u64,
    /// By name.
    pub limits: Vec<Limit>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// `server`, `steps`, `pathway/NAME`, `pathway/NAME/per` or `service/NAME`.
    pub name: String,
    /// How many it has room for, or each of its keys; none: any number.
    pub permits: Option<usize>,
    /// Who says so.
    pub source: Source,
    /// How many the project says.
    pub configured: Option<usize>,
    /// How many have a place.
    pub in_use: usize,
    /// How many places are kept for those that wait for another limit.
    pub set_aside: usize,
    /// How many wait.
    pub waiting: usize,
    /// Who has a place, the oldest first, up to 16: pathway, run and step.
    pub holders: Vec<String>,
    /// How many keys somebody has or waits for a place of; none: it is not one for each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<usize>,
    /// The busiest of them: those of which most places are taken, then those for which most wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub busiest: Vec<Busy>,
}

/// A key of a limit that is one for each key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// The key, cut off where it is long.
    pub key: String,
    /// How many have a place.
    pub in_use: usize,
    /// How many wait.
    pub waiting: usize,
}

/// Who says how many permits there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The project.
    Project,
    /// An operator, until the process ends.
    Operator,
}

/// What a limit is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permits {
    /// How many; none: any number.
    #[serde(deserialize_with = "given")]
    pub permits: Option<u32>,
}

/// Has to be there, if only as `null`.
fn given<'a, D: serde::Deserializer<'a>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer)
}

impl From<LimitState> for Limit {
    fn from(state: LimitState) -> Self {
        Self {
            name: state.name,
            permits: state.permits,
            source: if state.is_tuned { Source::Operator } else { Source::Project },
            configured: state.configured,
            in_use: state.in_use,
            set_aside: state.set_aside,
            waiting: state.waiting,
            holders: state.holders.iter().map(ToString::to_string).collect(),
            keys: state.keys,
            busiest: state
                .busiest
                .into_iter()
                .map(|limits::Busy { key, in_use, waiting }| Busy { key, in_use, waiting })
                .collect(),
        }
    }
}

impl Operations {
    /// The limits of this process.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let (revision, limits) = self.runner.slots().limits();
        Limits { revision, limits: limits.into_iter().map(Limit::from).collect() }
    }

    /// Sets a limit until the process ends, if the revision is the expected one.
    ///
    /// # Errors
    /// There is no such limit, or somebody else has set one meanwhile.
    pub fn set_limit(&self, name: &str, permits: Permits, expected: Option<u64>) -> Result<Limits, Error> {
        let permits = permits.permits.map(|permits| permits as usize);
        let revision = self.runner.slots().tune(name, permits, expected)?;
        tracing::info!(limit = name, permits, revision, "set by an operator until this process ends");
        Ok(self.limits())
    }

    /// Lets the project say again what a limit is, if the revision is the expected one.
    ///
    /// # Errors
    /// As [`Operations::set_limit`].
    pub fn reset_limit(&self, name: &str, expected: Option<u64>) -> Result<Limits, Error> {
        let revision = self.runner.slots().reset(name, expected)?;
        tracing::info!(limit = name, revision, "as the project says again");
        Ok(self.limits())
    }
}

impl From<TuneError> for Error {
    fn from(error: TuneError) -> Self {
        match error {
            TuneError::Unknown { .. } => Self::NoLimit(error.to_string()),
            TuneError::Changed { .. } => Self::Changed(error.to_string()),
        }
    }
}
