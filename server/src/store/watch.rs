//! Telling readers that something was committed.
//!
//! A topic, run or claim has an entry only while somebody watches it, so memory is bounded by the
//! watchers. The store is the truth, and a slow reader misses nothing by being woken once for many
//! changes; what the last of them made of a run may be told along, so that nobody has to ask for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Claim, Status, StoreError};

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

/// What the last change was.
#[derive(Debug, Clone, Default)]
pub enum News {
    /// Something may have happened: for a while changes were not told of, or there were too many to tell
    /// each.
    #[default]
    Perhaps,
    /// The store knows.
    Something,
    /// The run is there, and is not over.
    GoesOn,
    /// The run is over, or parked.
    Ended(Arc<Ended>),
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Where it stands.
    pub status: Status,
    /// The result or failure.
    pub outcome: Option<Vec<u8>>,
}

impl News {
    /// Of a run that has become this.
    pub(super) fn of(status: Status, outcome: Option<&[u8]>) -> Self {
        match status {
            Status::Ready => Self::GoesOn,
            _ => Self::Ended(Arc::new(Ended { status, outcome: outcome.map(<[u8]>::to_vec) })),
        }
    }
}

/// What is told of a commit.
#[derive(Debug)]
pub struct Notice {
    subject: Subject,
    news: News,
}

impl Notice {
    /// Of something, with what it was.
    #[must_use]
    pub const fn new(subject: Subject, news: News) -> Self {
        Self { subject, news }
    }
}

impl From<Subject> for Notice {
    fn from(subject: Subject) -> Self {
        Self { subject, news: News::Something }
    }
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
    /// What the last change was.
    news: Mutex<News>,
    notify: Notify,
}

impl Told {
    fn tell(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news());
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether anybody watches it.
    pub(super) fn is_watched(&self, subject: &Subject) -> bool {
        self.watched().entries.contains_key(subject)
    }

    /// Tells of what was committed.
    pub fn notify<N: Into<Notice>>(&self, notices: impl IntoIterator<Item = N>) {
        let watched = self.watched();
        for Notice { subject, news } in notices.into_iter().map(Into::into) {
            if let Some(entry) = watched.entries.get(&subject) {
                entry.told.tell(|last| *last = news);
            }
        }
    }

    /// Anything may have happened.
    pub fn notify_all(&self) {
        for entry in self.watched().entries.values() {
            // What happened for sure and is not read yet is not taken back.
            entry.told.tell(|news| {
                if !matches!(news, News::Something) {
                    *news = News::Perhaps;
                }
            });
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

    /// What the last change was that was told; marks it as read. Nothing that is told is older than it.
    pub fn news(&mut self) -> News {
        // In this order: what is told meanwhile is told again.
        self.seen = self.told.changes.load(Ordering::Acquire);
        self.told.news().clone()
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

    #[tokio::test]
    async fn what_happened_is_told_from_what_may_have() {
        let hub = Arc::<Hub>::default();
        let run = || Subject::Run("run".into());
        let mut watch = hub.watch(run());
        hub.notify_all();
        watch.changed().await.unwrap();
        assert!(matches!(watch.news(), News::Perhaps));
        hub.notify([run()]);
        hub.notify_all();
        watch.changed().await.unwrap();
        assert!(matches!(watch.news(), News::Something), "what is for sure is not taken back");
    }
}
