//! A run begins: as a task of its own, once it is the first of its lane.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::Inner;
use super::actor::{MAILBOX, Message};
use super::admitted::Admitted;

impl Inner {
    /// Lets a run begin when its lane is free.
    pub(super) fn enter(self: &Arc<Self>, mut run: Admitted) {
        run.queued = self.queue.enter(&run.plan.name);
        let ready = match run.lane.clone() {
            Some(lane) => self.lanes.enter(lane, run),
            None => Some(run),
        };
        if let Some(run) = ready {
            self.begin(run);
        }
    }

    pub(super) fn begin(self: &Arc<Self>, mut run: Admitted) {
        if self.stop.is_cancelled() {
            return;
        }
        let vm = run.taken_up.then(|| self.replayed(&run));
        if let Some(rest) = vm.as_ref().and_then(|vm| self.rests(&run, vm.as_ref().ok()?)) {
            self.asleep.lay(&run, rest);
            self.inbox.look_at(run.id);
            return;
        }
        // It can be told something from here on, and be called off by whoever called it.
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        self.actors().insert(run.public_id.clone(), mailbox.clone());
        if let Some(woken) = &mut run.woken
            && let Some((rest, called_off)) = self.asleep.leave(&run.public_id)
        {
            (woken.rest, run.called_off) = (Some(rest), called_off);
        }
        self.inbox.look_at(run.id);
        let inner = self.clone();
        self.tasks.spawn(async move {
            let (id, public_id, holding) = (run.id, run.public_id.clone(), run.holding.clone());
            let driving = Box::pin(inner.clone().drive(run, vm, (mailbox.clone(), messages)));
            let driving = async {
                match &holding {
                    Some(holding) => drop(holding.work(driving).await),
                    None => driving.await,
                }
            };
            tokio::select! {
                biased;
                () = inner.kill.cancelled() => {}
                () = driving => {}
            }
            inner.forget_actor(&public_id, &mailbox);
            inner.inbox.look_at(id);
        });
    }

    /// A run is under way no more, unless it has begun again meanwhile.
    pub(super) fn forget_actor(&self, run: &str, mailbox: &mpsc::Sender<Message>) {
        let mut actors = self.actors();
        if actors.get(run).is_some_and(|known| known.same_channel(mailbox)) {
            actors.remove(run);
        }
    }

    /// Runs under way, by public id.
    pub(super) fn actors(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Message>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
