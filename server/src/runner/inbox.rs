//! What runs are told from outside: it is kept in the store until the run has received it, so that
//! it reaches a run wherever that is worked on, and also one that has not begun yet.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pathway_engine::journal::Signal;
use pathway_engine::vm::Failure;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::actor::Message;
use super::errand::Errand;
use super::rerun::Repeat;
use super::{Inner, Runner, Version};
use crate::store::{Conflict, NewMessage, Run, RunId, Status, StoreError};

/// Messages read at once.
const PAGE: u32 = 500;

/// What a run is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// It is called off.
    Cancel(Failure),
    /// A signal.
    Signal(Signal),
    /// It is parked, and is to go on.
    Redrive(Version),
    /// It is parked, and is given up.
    Drop,
    /// It is over or parked, and is to be run again.
    Rerun(Repeat),
}

/// What became of a message that was to be given to its run.
#[derive(Debug)]
enum Given {
    /// It has it.
    Yes,
    /// It gets it when it begins, wakes, or has room.
    Later,
    /// It is over, or parked.
    Never,
}

/// Messages that are on their way.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// A run has begun, or has room, that messages wait for; or runs have become ours.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Given to their runs.
    given: HashMap<RunId, HashSet<i64>>,
    /// Of those, what was received and is in the store no more, or was given to a run that is under way no
    /// more.
    gone: Vec<(RunId, i64)>,
    /// Runs that were given something that they may not have received.
    lost: HashSet<RunId>,
    /// Runs that messages wait for.
    wanted: HashSet<RunId>,
    /// Whether errands wait until there is room for them.
    is_full: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Other runs are ours than before.
    pub(super) fn look_again(&self) {
        self.wake.notify_one();
    }

    /// A run can be told something from now on, or no longer.
    pub(super) fn look_at(&self, run: RunId) {
        let mut state = self.state();
        let State { given, gone, lost, wanted, .. } = &mut *state;
        let is_wanted = wanted.remove(&run);
        let again = given.get(&run);
        gone.extend(again.into_iter().flatten().map(|id| (run, *id)));
        if again.is_some() {
            lost.insert(run);
        }
        if is_wanted || again.is_some() {
            self.wake.notify_one();
        }
    }

    /// A run can be told more.
    fn has_room(&self, run: RunId) {
        if self.state().wanted.remove(&run) {
            self.wake.notify_one();
        }
    }

    /// Errands wait until there is room; false where that is waited for already.
    pub(super) fn begin_to_wait(&self) -> bool {
        !std::mem::replace(&mut self.state().is_full, true)
    }

    /// There is room for an errand.
    pub(super) fn has_waited(&self) {
        self.state().is_full = false;
        self.wake.notify_one();
    }

    /// A run has received them.
    pub(super) fn received(&self, run: RunId, messages: Vec<i64>) {
        if !messages.is_empty() {
            self.state().gone.extend(messages.into_iter().map(|id| (run, id)));
        }
    }

    /// Forgets what is gone, before the store is read again: until then it may be in what was read.
    fn catch_up(&self) {
        let mut state = self.state();
        let State { given, gone, lost, .. } = &mut *state;
        lost.clear();
        for (run, id) in gone.drain(..) {
            if let Entry::Occupied(mut of) = given.entry(run) {
                of.get_mut().remove(&id);
                if of.get().is_empty() {
                    of.remove();
                }
            }
        }
    }

    fn is_given(&self, run: RunId, id: i64) -> bool {
        self.state().given.get(&run).is_some_and(|given| given.contains(&id))
    }

    /// Whether what follows for a run has to wait until it was given again what came before.
    fn is_lost(&self, run: RunId) -> bool {
        self.state().lost.contains(&run)
    }
}

impl Runner {
    /// Calls a run off, wherever it is worked on; false where it is over or parked. Ready when it is
    /// durable that it will be told.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn cancel(&self, run: &str, reason: Failure) -> Result<bool, StoreError> {
        if let Some(known) = self.inner.store.run(run).await? {
            return self.inner.order(&known, Status::Ready, &Order::Cancel(reason)).await;
        }
        // A run without a journal.
        Ok(self.inner.dismiss(run, reason).await)
    }

    /// Sends a signal to a run, wherever it is worked on; false where it is over or parked. Ready when
    /// it is durable that it will get it.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn signal(&self, run: &str, signal: Signal) -> Result<bool, StoreError> {
        match self.inner.store.run(run).await? {
            Some(run) => self.inner.order(&run, Status::Ready, &Order::Signal(signal)).await,
            None => Ok(false),
        }
    }
}

impl Inner {
    /// Leaves an order for a run that has this status; false where it has another.
    pub(super) async fn order(&self, run: &Run, status: Status, order: &Order) -> Result<bool, StoreError> {
        match run.status == status {
            true => self.leave_for(run, order).await,
            false => Ok(false),
        }
    }

    /// Leaves an order for a run; false where it can take it no more.
    pub(super) async fn leave_for(&self, run: &Run, order: &Order) -> Result<bool, StoreError> {
        let payload = serde_json::to_vec(order).map_err(|error| StoreError::Refused(Arc::new(error)))?;
        let even_if_finished = matches!(order, Order::Rerun(_));
        match self.store.post(NewMessage { run: run.id, even_if_finished, payload }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(Conflict::Finished(_) | Conflict::UnknownRun(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Passes on what comes, until the runner stops.
    pub(super) async fn deliver(self: Arc<Self>) {
        let delivering = async {
            let mut watch = self.store.watch_inbox();
            loop {
                watch.mark();
                self.deliver_all().await?;
                tokio::select! {
                    biased;
                    changed = watch.changed() => { changed?; }
                    () = self.inbox.wake.notified() => {}
                }
            }
        };
        let delivered: Option<Result<(), StoreError>> = self.stop.run_until_cancelled(delivering).await;
        if let Some(Err(error)) = delivered {
            self.fatal(&error.to_string());
        }
    }

    async fn deliver_all(self: &Arc<Self>) -> Result<(), StoreError> {
        self.inbox.catch_up();
        let mut after = 0;
        // Runs that cannot be told something now: what follows for them waits for its turn.
        let mut behind = HashSet::new();
        loop {
            let page = self.store.inbox(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            let mut useless = Vec::new();
            for message in page {
                let (run, id) = (message.run, message.id);
                if self.inbox.is_lost(run) {
                    behind.insert(run);
                }
                if !self.can_tell(message.home.as_ref())
                    || self.inbox.is_given(run, id)
                    || behind.contains(&run)
                {
                    continue;
                }
                let useful = match serde_json::from_slice(&message.payload) {
                    Ok(order @ (Order::Cancel(_) | Order::Signal(_))) => {
                        let told = Message::Told { id, order: Box::new(order) };
                        match self.give(run, &message.public_id, id, told).await? {
                            Given::Never => false,
                            Given::Yes => true,
                            Given::Later => behind.insert(run),
                        }
                    }
                    Ok(order) => self.run_errand(&message, order).await? != Errand::Over,
                    Err(error) => {
                        tracing::error!(run = message.public_id, %error, "a message for it cannot be read");
                        false
                    }
                };
                if !useful {
                    useless.push(id);
                }
            }
            if !useless.is_empty() {
                self.store.discard(useless).await?;
            }
        }
    }

    /// Gives a message to its run, now or when the run begins.
    async fn give(
        self: &Arc<Self>,
        run: RunId,
        public_id: &str,
        id: i64,
        message: Message,
    ) -> Result<Given, StoreError> {
        let is_cancel =
            matches!(&message, Message::Told { order, .. } if matches!(**order, Order::Cancel(_)));
        // Said before it is looked at, so that a run that begins meanwhile asks.
        let is_news = self.inbox.state().wanted.insert(run);
        let actor = self.actors().get(public_id).cloned();
        if let Some(actor) = actor {
            // Noted before the run can have received it, or be over.
            let mut state = self.inbox.state();
            return Ok(match actor.try_send(message) {
                Ok(()) => {
                    state.wanted.remove(&run);
                    state.given.entry(run).or_default().insert(id);
                    Given::Yes
                }
                Err(mpsc::error::TrySendError::Full(_)) => {
                    let inner = self.clone();
                    self.tasks.spawn(async move {
                        // One that is over has no room either, and is looked at all the same.
                        drop(inner.kill.run_until_cancelled(actor.reserve()).await);
                        inner.inbox.has_room(run);
                    });
                    Given::Later
                }
                Err(mpsc::error::TrySendError::Closed(_)) => Given::Later,
            });
        }
        if self.asleep.call(public_id, None) {
            return Ok(Given::Later);
        }
        // One that was looked at before, and has not begun since, was not asked for in vain.
        if !is_news {
            return Ok(Given::Later);
        }
        // A signal that came before it was parked it gets when it goes on.
        let status = self.store.run(public_id).await?.map(|run| run.status);
        let hears = |status: Status| status == Status::Ready || (status == Status::Parked && !is_cancel);
        if !status.is_some_and(hears) {
            self.inbox.state().wanted.remove(&run);
            return Ok(Given::Never);
        }
        Ok(Given::Later)
    }
}
