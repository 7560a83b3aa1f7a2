//! Telling readers that something was committed.
//!
//! A topic, run or claim has an entry only while somebody watches it, so memory is bounded by the
//! watchers. A watch says that something happened, not what: the store is the truth, and a slow
//! reader misses nothing by being woken once for many changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Claim, StoreError};

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Records of a topic.
    Topic(String),
    /// Records that are to be sent elsewhere.
    Outbox,
    /// Messages for runs.
    Inbox,
    /// A run, by its public id; that it is admitted, also by its correlation id.
    Run(String),
    /// That a claim may be asked for again.
    Claim(Claim),
}

#[derive(Debug, Default)]
struct Watched {
    entries: HashMap<Subject, Entry>,
    closed: Option<Arc<str>>,
}

#[derive(Debug, Default)]
struct Entry {
    told: Arc<Told>,
    watches: usize,
}

/// What those hear who watch the same thing: in the order in which they began to wait.
#[derive(Debug, Default)]
struct Told {
    changes: AtomicU64,
    is_closed: AtomicBool,
    notify: Notify,
}

impl Told {
    fn tell(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}

/// All that is watched of a store: what a store tells its readers through.
#[derive(Debug, Default)]
pub struct Hub {
    watched: Mutex<Watched>,
}

impl Hub {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches something from now on.
    pub fn watch(self: &Arc<Self>, subject: Subject) -> Watch {
        let mut watched = self.watched();
        let told = match &watched.closed {
            Some(_) => {
                let told = Arc::<Told>::default();
                told.close();
                told
            }
            None => {
                let entry = watched.entries.entry(subject.clone()).or_default();
                entry.watches += 1;
                entry.told.clone()
            }
        };
        let seen = told.changes.load(Ordering::Acquire);
        Watch { hub: Arc::clone(self), subject, told, seen }
    }

    /// Tells that these have changed.
    pub fn notify(&self, subjects: impl IntoIterator<Item = Subject>) {
        let watched = self.watched();
        for subject in subjects {
            if let Some(entry) = watched.entries.get(&subject) {
                entry.told.tell();
            }
        }
    }

    /// Anything may have happened.
    pub fn notify_all(&self) {
        for entry in self.watched().entries.values() {
            entry.told.tell();
        }
    }

    /// Ends all watches, now and later: nothing will happen any more.
    pub fn close(&self, reason: Arc<str>) {
        let mut watched = self.watched();
        watched.closed = Some(reason);
        for entry in std::mem::take(&mut watched.entries).into_values() {
            entry.told.close();
        }
    }

    fn reason(&self) -> Arc<str> {
        self.watched().closed.clone().unwrap_or_else(|| "it was closed".into())
    }
}

/// Tells that a topic, a run or a claim changed.
///
/// Call [`Watch::mark`], read the store, then wait for [`Watch::changed`]: nothing is missed
/// between the three.
#[derive(Debug)]
pub struct Watch {
    hub: Arc<Hub>,
    subject: Subject,
    told: Arc<Told>,
    /// How many changes are known.
    seen: u64,
}

impl Watch {
    /// Says that what is committed by now will be read.
    pub fn mark(&mut self) {
        self.seen = self.told.changes.load(Ordering::Acquire);
    }

    /// Waits for a change that was committed after the last mark. Safe to cancel.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when there will be no more changes.
    pub async fn changed(&mut self) -> Result<(), StoreError> {
        loop {
            let mut notified = std::pin::pin!(self.told.notify.notified());
            // Registered before it is looked: nothing is missed in between.
            notified.as_mut().enable();
            let changes = self.told.changes.load(Ordering::Acquire);
            if changes != self.seen {
                self.seen = changes;
                return Ok(());
            }
            if self.told.is_closed.load(Ordering::Acquire) {
                return Err(StoreError::Stopped(self.hub.reason()));
            }
            notified.await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.hub.watched();
        if let Some(entry) = watched.entries.get_mut(&self.subject) {
            entry.watches -= 1;
            if entry.watches == 0 {
                watched.entries.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_for_nobody() {
        let hub = Arc::<Hub>::default();
        let topic = || Subject::Topic("topic".into());
        let watches = [hub.watch(topic()), hub.watch(topic()), hub.watch(Subject::Run("run".into()))];
        assert_eq!(hub.watched().entries.len(), 2);
        let [first, second, run] = watches;
        drop(first);
        drop(run);
        assert_eq!(hub.watched().entries.len(), 1);
        drop(second);
        hub.notify([topic()]);
        assert_eq!(hub.watched().entries.len(), 0);
    }
}
