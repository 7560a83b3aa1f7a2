//! What is known of the messages for runs while they are on their way from the store: which were given, who
//! waits for some, and what is to be read again.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;

use super::actor::Message;
use super::deliver::Given;
use crate::store::{Home, RunId};

/// Messages that are on their way.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Something is to be read that is not new.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Given to their runs, which have not received them yet.
    given: HashMap<RunId, HashSet<i64>>,
    /// What was received and is in the store no more, or was given to a run that is under way no more.
    gone: HashSet<(RunId, i64)>,
    /// Runs that messages wait for, with their partitions.
    wanted: HashMap<RunId, Option<Home>>,
    asked: Asked,
    /// The run that is being told what it asked for.
    told: Option<RunId>,
    /// Whether errands wait until there is room for them.
    is_full: bool,
}

/// What is to be read from the beginning.
#[derive(Debug, Default)]
struct Asked {
    /// Of runs that can be told what they could not be before, or may not have received what they were given.
    runs: BTreeSet<RunId>,
    /// Of partitions that have become ours.
    homes: BTreeSet<Home>,
    /// Of all.
    all: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when something is asked for.
    pub(super) async fn asks(&self) {
        self.wake.notified().await;
    }

    /// A run that asks, to be told before the next is taken.
    pub(super) fn who_asks(&self) -> Option<RunId> {
        let mut state = self.state();
        state.told = state.asked.runs.pop_first();
        state.told
    }

    /// Whether a run will be told before long what there is for it, if there is anything.
    pub(super) fn is_to_hear(&self, run: RunId) -> bool {
        let state = self.state();
        state.told == Some(run) || state.asked.runs.contains(&run)
    }

    /// The partitions that are asked for by now, and whether all is.
    pub(super) fn asked(&self) -> (BTreeSet<Home>, bool) {
        let Asked { homes, all, .. } = &mut self.state().asked;
        (std::mem::take(homes), std::mem::take(all))
    }

    /// The runs of a partition are ours from now on.
    pub(super) fn look_into(&self, home: &Home) {
        self.state().asked.homes.insert(home.clone());
        self.wake.notify_one();
    }

    /// They are no more.
    pub(super) fn forget(&self, home: &Home) {
        self.state().wanted.retain(|_, of| of.as_ref() != Some(home));
    }

    /// A run can be told something from now on, or no longer.
    pub(super) fn look_at(&self, run: RunId) {
        let mut state = self.state();
        let State { given, gone, wanted, asked, .. } = &mut *state;
        let again = given.remove(&run);
        let has_more = wanted.remove(&run).is_some() || again.is_some();
        gone.extend(again.into_iter().flatten().map(|id| (run, id)));
        if has_more {
            asked.runs.insert(run);
            self.wake.notify_one();
        }
    }

    /// A run can be told more.
    pub(super) fn has_room(&self, run: RunId) {
        let mut state = self.state();
        if state.wanted.remove(&run).is_some() {
            state.asked.runs.insert(run);
            self.wake.notify_one();
        }
    }

    /// Errands wait until there is room; false where that is waited for already.
    pub(super) fn begin_to_wait(&self) -> bool {
        !std::mem::replace(&mut self.state().is_full, true)
    }

    /// There is room for an errand.
    pub(super) fn has_waited(&self) {
        let mut state = self.state();
        (state.is_full, state.asked.all) = (false, true);
        self.wake.notify_one();
    }

    /// A run has received them.
    pub(super) fn received(&self, run: RunId, messages: Vec<i64>) {
        if messages.is_empty() {
            return;
        }
        let mut state = self.state();
        let State { given, gone, .. } = &mut *state;
        if let Entry::Occupied(mut of) = given.entry(run) {
            of.get_mut().retain(|id| !messages.contains(id));
            if of.get().is_empty() {
                of.remove();
            }
        }
        gone.extend(messages.into_iter().map(|id| (run, id)));
    }

    /// Forgets what is gone, before the store is read again: until then it may be in what was read.
    pub(super) fn catch_up(&self) {
        self.state().gone.clear();
    }

    pub(super) fn is_given(&self, run: RunId, id: i64) -> bool {
        let state = self.state();
        state.gone.contains(&(run, id)) || state.given.get(&run).is_some_and(|given| given.contains(&id))
    }

    /// Whether what a run was given before may have to be given again.
    pub(super) fn is_asking(&self, run: RunId) -> bool {
        self.state().asked.runs.contains(&run)
    }

    /// Whether a run gets what is new after what it could not be told before.
    pub(super) fn is_behind(&self, run: RunId) -> bool {
        let state = self.state();
        state.wanted.contains_key(&run) || state.asked.runs.contains(&run)
    }

    /// A message waits for a run; false where others do already.
    pub(super) fn begin_to_want(&self, run: RunId, home: Option<&Home>) -> bool {
        self.state().wanted.insert(run, home.cloned()).is_none()
    }

    /// None do.
    pub(super) fn want_no_more(&self, run: RunId) {
        self.state().wanted.remove(&run);
    }

    /// Gives a message that waits for it to a run; none: that has no room.
    pub(super) fn give(
        &self,
        run: RunId,
        id: i64,
        send: impl FnOnce() -> Result<(), TrySendError<Message>>,
    ) -> Option<Given> {
        // Noted before the run can have received it, or be over.
        let mut state = self.state();
        if state.asked.runs.contains(&run) {
            return Some(Given::Later);
        }
        match send() {
            Ok(()) => {
                state.wanted.remove(&run);
                state.given.entry(run).or_default().insert(id);
                Some(Given::Yes)
            }
            Err(TrySendError::Full(_)) => None,
            Err(TrySendError::Closed(_)) => Some(Given::Later),
        }
    }
}
