//! Telling readers that something was committed.
//!
//! A topic or run has an entry only while somebody watches it, so memory is bounded by the
//! watchers. A watch says that something happened, not what: the store is the truth, and a slow
//! reader misses nothing by being woken once for many changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::StoreError;

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// Records of a topic.
    Topic(String),
    /// Records that are to be sent elsewhere.
    Outbox,
    /// Messages for runs.
    Inbox,
    /// A run, by its public id; that it is admitted, also by its correlation id.
    Run(String),
}

#[derive(Debug, Default)]
struct Watched {
    entries: HashMap<Subject, Entry>,
    closed: Option<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    /// How often it was named.
    sender: watch::Sender<u64>,
    watches: usize,
}

/// All that is watched.
#[derive(Debug, Default)]
pub(super) struct Hub {
    watched: Mutex<Watched>,
}

impl Hub {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(self: &Arc<Self>, subject: Subject) -> Watch {
        let mut watched = self.watched();
        if watched.closed.is_some() {
            let (_, receiver) = watch::channel(0);
            return Watch { hub: Arc::clone(self), subject, receiver, named: 0 };
        }
        let entry = watched
            .entries
            .entry(subject.clone())
            .or_insert_with(|| Entry { sender: watch::channel(0).0, watches: 0 });
        entry.watches += 1;
        let receiver = entry.sender.subscribe();
        let named = *receiver.borrow();
        Watch { hub: Arc::clone(self), subject, receiver, named }
    }

    pub(super) fn notify(&self, subjects: impl IntoIterator<Item = Subject>) {
        let watched = self.watched();
        for subject in subjects {
            if let Some(entry) = watched.entries.get(&subject) {
                entry.sender.send_modify(|named| *named = named.wrapping_add(1));
            }
        }
    }

    /// Anything may have happened.
    pub(super) fn notify_all(&self) {
        for entry in self.watched().entries.values() {
            entry.sender.send_modify(|_| {});
        }
    }

    /// Ends all watches, now and later: nothing will happen any more.
    pub(super) fn close(&self, reason: Arc<str>) {
        let mut watched = self.watched();
        watched.closed = Some(reason);
        watched.entries.clear();
    }

    fn reason(&self) -> Arc<str> {
        self.watched().closed.clone().unwrap_or_else(|| "it was closed".into())
    }
}

/// Tells that a topic or a run changed.
///
/// Call [`Watch::mark`], read the store, then wait for [`Watch::changed`]: nothing is missed
/// between the three.
#[derive(Debug)]
pub struct Watch {
    hub: Arc<Hub>,
    subject: Subject,
    receiver: watch::Receiver<u64>,
    /// How often it had been named when it was looked at last.
    named: u64,
}

/// What a watch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// What is watched changed.
    Changed,
    /// It may have: for a while changes were not told of, or there were too many to tell each.
    Perhaps,
}

impl Watch {
    /// Says that what is committed by now will be read.
    pub fn mark(&mut self) {
        self.named = *self.receiver.borrow_and_update();
    }

    /// Waits for a change that was committed after the last mark. Safe to cancel.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when there will be no more changes.
    pub async fn changed(&mut self) -> Result<News, StoreError> {
        let changed = self.receiver.changed().await;
        changed.map_err(|_closed| StoreError::Stopped(self.hub.reason()))?;
        let before = std::mem::replace(&mut self.named, *self.receiver.borrow_and_update());
        Ok(if self.named == before { News::Perhaps } else { News::Changed })
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

    #[tokio::test]
    async fn what_is_named_is_told_from_what_may_be() {
        let hub = Arc::<Hub>::default();
        let run = || Subject::Run("run".into());
        let mut watch = hub.watch(run());
        hub.notify_all();
        assert_eq!(watch.changed().await.unwrap(), News::Perhaps);
        hub.notify([run()]);
        hub.notify_all();
        assert_eq!(watch.changed().await.unwrap(), News::Changed);
        hub.notify([run()]);
        watch.mark();
        hub.notify_all();
        assert_eq!(watch.changed().await.unwrap(), News::Perhaps);
    }
}
