//! Claims: who has each, and who has done it.

use std::collections::BTreeMap;

use crate::store::watch::Subject;
use crate::store::{Claim, Millis, Release, RunId, Take};

/// See above.
#[derive(Debug, Default)]
pub(super) struct Claims {
    kept: BTreeMap<Claim, Kept>,
}

/// A claim that somebody has, or has done.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) run: RunId,
    pub(super) instance: String,
    /// None: it is not done.
    pub(super) done_until: Option<Millis>,
}

impl Claims {
    pub(super) fn get(&self, claim: &Claim) -> Option<&Kept> {
        self.kept.get(claim)
    }

    /// A run is over with a claim.
    pub(super) fn release(&mut self, run: RunId, release: Release, changed: &mut Vec<Subject>) {
        let Release { claim, instance, done_until } = release;
        let Some(kept) = self.kept.get_mut(&claim) else { return };
        if kept.run != run || kept.instance != instance {
            return;
        }
        match done_until {
            Some(_) => kept.done_until = done_until,
            None => drop(self.kept.remove(&claim)),
        }
        changed.push(Subject::Claim(claim));
    }

    /// Gives a run the claim that it asks for; else the one who has it, or has done it.
    pub(super) fn take(&mut self, run: RunId, take: Take) -> Option<&Kept> {
        let Take { claim, instance, at } = take;
        let is_free = self.kept.get(&claim).is_none_or(|kept| {
            let is_own = kept.run == run && kept.instance == instance;
            is_own || kept.done_until.is_some_and(|until| until <= at)
        });
        if is_free {
            self.kept.insert(claim, Kept { run, instance, done_until: None });
            return None;
        }
        self.kept.get(&claim)
    }

    /// A run has no claims any more but those that are done.
    pub(super) fn release_all(&mut self, run: RunId, changed: &mut Vec<Subject>) {
        self.kept.retain(|claim, kept| {
            let is_held = kept.run == run && kept.done_until.is_none();
            changed.extend(is_held.then(|| Subject::Claim(claim.clone())));
            !is_held
        });
    }

    /// Forgets those that are done and were to be kept until `before`.
    pub(super) fn prune(&mut self, before: Millis) -> u64 {
        let all = self.kept.len();
        self.kept.retain(|_, kept| kept.done_until.is_none_or(|until| until >= before));
        u64::try_from(all - self.kept.len()).unwrap_or(u64::MAX)
    }
}
