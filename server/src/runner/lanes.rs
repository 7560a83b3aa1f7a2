//! Lanes: runs of a pathway that share an ordering key, one at a time, in the order admitted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Admitted;
use crate::store::{Home, RunId};

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
    /// A lane is here while it has a head.
    taken: Mutex<HashMap<Lane, Taken>>,
}

/// A lane with its head, and the runs behind that.
#[derive(Debug)]
struct Taken {
    head: RunId,
    waiting: VecDeque<Admitted>,
}

impl Taken {
    const fn by(head: RunId) -> Self {
        Self { head, waiting: VecDeque::new() }
    }
}

impl Lanes {
    /// The run may begin (it is given back), or waits for its turn.
    pub(super) fn enter(&self, lane: Lane, run: Admitted) -> Option<Admitted> {
        let mut lanes = self.lock();
        match lanes.get_mut(&lane) {
            Some(taken) => {
                taken.waiting.push_back(run);
                None
            }
            None => {
                lanes.insert(lane, Taken::by(run.id));
                Some(run)
            }
        }
    }

    /// Whether nothing is under way in a lane.
    pub(super) fn is_free(&self, lane: &Lane) -> bool {
        !self.lock().contains_key(lane)
    }

    /// Whether a run is the head of a lane.
    pub(super) fn is_head(&self, lane: &Lane, run: RunId) -> bool {
        self.lock().get(lane).is_some_and(|taken| taken.head == run)
    }

    /// Closes a lane behind a run that is parked and holds it.
    pub(super) fn hold(&self, lane: Lane, run: RunId) {
        self.lock().entry(lane).or_insert(Taken::by(run));
    }

    /// The head of a lane is done; the next may begin.
    pub(super) fn leave(&self, lane: &Lane) -> Option<Admitted> {
        let mut lanes = self.lock();
        let taken = lanes.get_mut(lane)?;
        let next = taken.waiting.pop_front();
        match &next {
            Some(next) => taken.head = next.id,
            None => drop(lanes.remove(lane)),
        }
        next
    }

    /// Forgets the lanes of a partition, and who waits in them.
    pub(super) fn forget(&self, home: &Home) {
        self.lock().retain(|lane, _| lane.home.as_ref() != Some(home));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Lane, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
