//! How many slots there are, as the project says and as an operator says otherwise while the process
//! runs. What an operator says is forgotten when it ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathway_engine::limits::{Busy, Limit};

use super::slots::Slots;

/// What the project says, and what was said since.
#[derive(Debug, Default)]
pub(super) struct Tuning {
    /// By the names of the limits.
    limits: BTreeMap<String, Tunable>,
    /// How often something was said.
    revision: u64,
}

#[derive(Debug)]
struct Tunable {
    limit: Limit,
    configured: Option<usize>,
    /// What an operator says instead.
    tuned: Option<Option<usize>>,
}

/// A limit, how full it is and who fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// What operators call it.
    pub name: String,
    /// How many slots it has, or each of its keys; none: any number.
    pub permits: Option<usize>,
    /// How many the project gives it.
    pub configured: Option<usize>,
    /// Whether an operator has said how many.
    pub is_tuned: bool,
    /// How many are in use.
    pub in_use: usize,
    /// How many are set aside for those that wait for another limit.
    pub set_aside: usize,
    /// How many wait for one.
    pub waiting: usize,
    /// Who has them, the oldest first, up to 16.
    pub holders: Vec<Arc<str>>,
    /// How many keys somebody has or waits for a slot of; none: it is not one for each key.
    pub keys: Option<usize>,
    /// The busiest of them, a few.
    pub busiest: Vec<Busy>,
}

/// Why a limit was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TuneError {
    /// There is none of this name.
    #[error("there is no limit `{name}`; there are {}", .known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Somebody else was faster.
    #[error("limits were set by somebody else meanwhile: this is revision {revision}")]
    Changed {
        /// The present one.
        revision: u64,
    },
}

impl Tuning {
    /// What the project says; tells how many slots there are now, which an operator may say.
    pub(super) fn configure(&mut self, limit: &Limit, capacity: Option<usize>) -> Option<usize> {
        let known = self.limits.entry(limit.name());
        let tunable =
            known.or_insert_with(|| Tunable { limit: limit.clone(), configured: None, tuned: None });
        tunable.configured = capacity;
        tunable.permits()
    }

    /// There is no such limit any more; tells whether there was.
    pub(super) fn forget(&mut self, limit: &Limit) -> bool {
        self.limits.remove(&limit.name()).is_some()
    }

    /// How many limits have no slot at all.
    pub(super) fn closed(&self) -> usize {
        self.limits.values().filter(|tunable| tunable.permits() == Some(0)).count()
    }

    /// Whether runs of `pathway` have slots at all.
    pub(super) fn is_open(&self, pathway: &Arc<str>) -> bool {
        let limits = [Limit::Server, Limit::Pathway(pathway.clone()), Limit::Keys(pathway.clone())];
        let mut known = limits.iter().filter_map(|limit| self.limits.get(&limit.name()));
        known.all(|tunable| tunable.permits() != Some(0))
    }

    /// Notes what an operator says, if nobody has since the revision that is expected; tells how many
    /// slots there are now.
    fn say(
        &mut self,
        name: &str,
        tuned: Option<Option<usize>>,
        expected: Option<u64>,
    ) -> Result<(Limit, Option<usize>), TuneError> {
        if expected.is_some_and(|expected| expected != self.revision) {
            return Err(TuneError::Changed { revision: self.revision });
        }
        let Some(tunable) = self.limits.get_mut(name) else {
            let known = self.limits.keys().cloned().collect();
            return Err(TuneError::Unknown { name: name.to_owned(), known });
        };
        tunable.tuned = tuned;
        self.revision += 1;
        Ok((tunable.limit.clone(), tunable.permits()))
    }
}

impl Tunable {
    fn permits(&self) -> Option<usize> {
        self.tuned.unwrap_or(self.configured)
    }
}

impl Slots {
    /// All limits, and the revision of what operators said of them.
    #[must_use]
    pub fn limits(&self) -> (u64, Vec<LimitState>) {
        let state = self.lock();
        let usage = state.ledger.usage();
        let limits = state.tuning.limits.iter().map(|(name, tunable)| {
            let usage = usage.iter().find(|usage| usage.limit == tunable.limit);
            LimitState {
                name: name.clone(),
                permits: tunable.permits(),
                configured: tunable.configured,
                is_tuned: tunable.tuned.is_some(),
                in_use: usage.map_or(0, |usage| usage.in_use),
                set_aside: usage.map_or(0, |usage| usage.set_aside),
                waiting: usage.map_or(0, |usage| usage.waiting),
                holders: state.ledger.holders(&tunable.limit),
                keys: matches!(tunable.limit, Limit::Keys(_)).then(|| usage.map_or(0, |usage| usage.keys)),
                busiest: usage.map_or_else(Vec::new, |usage| usage.busiest.clone()),
            }
        });
        (state.tuning.revision, limits.collect())
    }

    /// Sets how many slots a limit has, by its name, until the process ends; none: any number. Slots
    /// in use beyond that are not taken back, but not given again. Tells the revision after it.
    ///
    /// # Errors
    /// There is no such limit, or the revision is not the expected one.
    pub fn tune(&self, name: &str, permits: Option<usize>, expected: Option<u64>) -> Result<u64, TuneError> {
        self.say(name, Some(permits), expected)
    }

    /// Lets the project say again how many slots a limit has.
    ///
    /// # Errors
    /// As [`Slots::tune`].
    pub fn reset(&self, name: &str, expected: Option<u64>) -> Result<u64, TuneError> {
        self.say(name, None, expected)
    }

    fn say(&self, name: &str, tuned: Option<Option<usize>>, expected: Option<u64>) -> Result<u64, TuneError> {
        let mut state = self.lock();
        let (limit, capacity) = state.tuning.say(name, tuned, expected)?;
        let revision = state.tuning.revision;
        self.give_out(state, &limit, capacity);
        Ok(revision)
    }
}
