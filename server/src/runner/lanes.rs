//! Lanes: runs of a pathway that share an ordering key, one at a time, in the order admitted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Admitted;
use crate::store::Home;

/// What runs have in common that go one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    /// The partition, where others are worked on elsewhere.
    pub(super) home: Option<Home>,
    pub(super) pathway: String,
    pub(super) key: String,
}

/// Runs that wait for the one before them in their lane.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// A lane is here while it has a head; the runs behind the head wait.
    waiting: Mutex<HashMap<Lane, VecDeque<Admitted>>>,
}

impl Lanes {
    /// The run may begin (it is given back), or waits for its turn.
    pub(super) fn enter(&self, lane: Lane, run: Admitted) -> Option<Admitted> {
        let mut lanes = self.lock();
        match lanes.get_mut(&lane) {
            Some(waiting) => {
                waiting.push_back(run);
                None
            }
            None => {
                lanes.insert(lane, VecDeque::new());
                Some(run)
            }
        }
    }

    /// Whether nothing is under way in a lane.
    pub(super) fn is_free(&self, lane: &Lane) -> bool {
        !self.lock().contains_key(lane)
    }

    /// Closes a lane behind a run that is parked and holds it.
    pub(super) fn hold(&self, lane: Lane) {
        self.lock().entry(lane).or_default();
    }

    /// The head of a lane is done; the next may begin.
    pub(super) fn leave(&self, lane: &Lane) -> Option<Admitted> {
        let mut lanes = self.lock();
        let next = lanes.get_mut(lane).and_then(VecDeque::pop_front);
        if next.is_none() {
            lanes.remove(lane);
        }
        next
    }

    /// Forgets the lanes of a partition, and who waits in them.
    pub(super) fn forget(&self, home: &Home) {
        self.lock().retain(|lane, _| lane.home.as_ref() != Some(home));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Lane, VecDeque<Admitted>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
