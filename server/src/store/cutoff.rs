//! Up to when runs have ended that are forgotten: those of each pathway, by how they ended.

use std::collections::BTreeMap;

use super::{Millis, Status};

/// Runs of one pathway are forgotten that ended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoff {
    /// Those that returned.
    pub succeeded: Millis,
    /// Those that failed for good.
    pub failed: Millis,
    /// Those that were called off.
    pub cancelled: Millis,
}

impl Cutoff {
    /// However they ended.
    #[must_use]
    pub const fn all(before: Millis) -> Self {
        Self { succeeded: before, failed: before, cancelled: before }
    }

    /// Each, with the status of those runs.
    pub(super) const fn each(self) -> [(Status, Millis); 3] {
        [
            (Status::Succeeded, self.succeeded),
            (Status::Failed, self.failed),
            (Status::Cancelled, self.cancelled),
        ]
    }

    /// Whether a run that ended so, then, is forgotten.
    pub(super) fn is_past(self, status: Status, finished_at: Option<Millis>) -> bool {
        let before = self.each().into_iter().find(|(of, _)| *of == status).map(|(_, before)| before);
        before.zip(finished_at).is_some_and(|(before, at)| at < before)
    }
}

/// Those of all pathways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutoffs {
    /// Of pathways that have none of their own, and of those that are there no more.
    pub usual: Cutoff,
    /// Of pathways that have their own.
    pub own: BTreeMap<String, Cutoff>,
}

impl Cutoffs {
    /// The same for all.
    #[must_use]
    pub const fn all(before: Millis) -> Self {
        Self { usual: Cutoff::all(before), own: BTreeMap::new() }
    }

    /// That of a pathway.
    pub(super) fn of(&self, pathway: &str) -> Cutoff {
        self.own.get(pathway).copied().unwrap_or(self.usual)
    }
}
