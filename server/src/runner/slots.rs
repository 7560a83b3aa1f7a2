//! Slots that are waited for: the engine's [`Ledger`] with wakers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pathway_engine::limits::{Ledger, Limit, Limits, Ticket, Usage, Waiter};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::tuning::Tuning;

/// All slots of this process.
#[derive(Debug, Clone, Default)]
pub struct Slots {
    state: Arc<Mutex<State>>,
    /// How many limits have no slot at all.
    closed: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) tuning: Tuning,
    wakers: HashMap<Ticket, oneshot::Sender<()>>,
}

/// Slots that are held, or waited for; dropping it gives them back.
#[derive(Debug)]
pub struct Held {
    slots: Slots,
    ticket: Ticket,
}

impl Slots {
    /// Sets how many slots of `limit` there are, as the project says, unless an operator says another
    /// number; none: any number.
    pub fn set_capacity(&self, limit: &Limit, capacity: Option<usize>) {
        let mut state = self.lock();
        let capacity = state.tuning.configure(limit, capacity);
        self.give_out(state, limit, capacity);
    }

    /// The project knows no such limit any more: any number from now on.
    pub(super) fn lift(&self, limit: &Limit) {
        let mut state = self.lock();
        if state.tuning.forget(limit) {
            self.give_out(state, limit, None);
        }
    }

    /// There are so many slots of `limit` from now on.
    pub(super) fn give_out(&self, mut state: MutexGuard<'_, State>, limit: &Limit, capacity: Option<usize>) {
        let granted = state.ledger.set_capacity(limit, capacity);
        self.closed.store(state.tuning.closed(), Ordering::Relaxed);
        state.wake(granted);
    }

    /// Whether a run of `pathway` may begin that needs its slots for no time at all: not while an
    /// operator lets nothing begin.
    pub(super) fn is_open(&self, pathway: &Arc<str>) -> bool {
        self.closed.load(Ordering::Relaxed) == 0 || self.lock().tuning.is_open(pathway)
    }

    /// Waits for a slot of each of `limits`; `label` tells others who holds them.
    pub async fn acquire(&self, limits: impl Into<Limits>, label: Arc<str>) -> Held {
        let (held, waker) = {
            let mut state = self.lock();
            let answer = state.ledger.request(limits, label);
            let held = Held { slots: self.clone(), ticket: answer.ticket };
            let waker = (!answer.granted).then(|| {
                let (waker, woken) = oneshot::channel();
                state.wakers.insert(answer.ticket, waker);
                woken
            });
            (held, waker)
        };
        if let Some(woken) = waker {
            // The waker is dropped only after it was used, or with the whole state.
            drop(woken.await);
        }
        held
    }

    /// Who waits for what.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiter> {
        self.lock().ledger.waiting()
    }

    /// How full each limit is.
    #[must_use]
    pub fn usage(&self) -> Vec<Usage> {
        self.lock().ledger.usage()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self, granted: Vec<Ticket>) {
        for ticket in granted {
            if let Some(waker) = self.wakers.remove(&ticket) {
                // One that has gone away gives its slots back itself.
                let _gone = waker.send(());
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.wakers.remove(&self.ticket);
        let granted = state.ledger.release(self.ticket);
        state.wake(granted);
    }
}

/// The slots of one run, held while anything of it computes or is under way, and the time for
/// which they were held: what a run's timeout counts.
#[derive(Debug)]
pub struct RunSlots {
    slots: Slots,
    limits: Limits,
    label: Arc<str>,
    present: tokio::sync::Mutex<Weak<Share>>,
    used: Arc<Mutex<Used>>,
}

#[derive(Debug, Default)]
struct Used {
    before: Duration,
    since: Option<Instant>,
}

/// A share in a run's slots.
#[derive(Debug)]
pub struct Share {
    held: Held,
    used: Arc<Mutex<Used>>,
}

impl RunSlots {
    /// Of a run called `label`, which has held them for `before` already.
    #[must_use]
    pub fn new(slots: Slots, limits: impl Into<Limits>, label: Arc<str>, before: Duration) -> Self {
        let (limits, used) = (limits.into(), Arc::new(Mutex::new(Used { before, since: None })));
        Self { slots, limits, label, present: tokio::sync::Mutex::new(Weak::new()), used }
    }

    /// Takes a share; waits for the run's slots if it holds none.
    pub async fn hold(&self) -> Arc<Share> {
        let mut present = self.present.lock().await;
        if let Some(share) = present.upgrade() {
            return share;
        }
        let held = self.slots.acquire(self.limits.clone(), self.label.clone()).await;
        lock(&self.used).since = Some(Instant::now());
        let share = Arc::new(Share { held, used: self.used.clone() });
        *present = Arc::downgrade(&share);
        share
    }

    /// For how long the slots were held so far, and whether they are now.
    #[must_use]
    pub fn used(&self) -> (Duration, bool) {
        let used = lock(&self.used);
        let now = used.since.map(|since| since.elapsed());
        (used.before + now.unwrap_or_default(), now.is_some())
    }
}

impl Share {
    /// Whether there are fewer slots by now than are in use with it.
    #[must_use]
    pub fn is_surplus(&self) -> bool {
        self.held.slots.lock().ledger.is_surplus(self.held.ticket)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = lock(&self.used);
        if let Some(since) = used.since.take() {
            used.before += since.elapsed();
        }
    }
}

fn lock(used: &Mutex<Used>) -> MutexGuard<'_, Used> {
    used.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Vec<Limit> {
        vec![Limit::Server]
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_goes_to_the_next_in_line_and_is_not_lost_with_one_who_left() {
        let slots = Slots::default();
        slots.set_capacity(&Limit::Server, Some(1));
        let first = slots.acquire(server(), "first".into()).await;
        let mut second = Box::pin(slots.acquire(server(), "second".into()));
        let mut third = Box::pin(slots.acquire(server(), "third".into()));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        assert_eq!(slots.waiting().len(), 2);
        drop(second);
        drop(first);
        let third = third.await;
        assert!(slots.waiting().is_empty());
        drop(third);
        assert!(slots.usage().iter().all(|usage| usage.in_use == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_counts_the_time_for_which_it_holds_its_slots() {
        let slots = Slots::default();
        slots.set_capacity(&Limit::Server, Some(1));
        let run = RunSlots::new(slots.clone(), server(), "run".into(), Duration::from_secs(4));
        let (one, two) = (run.hold().await, run.hold().await);
        tokio::time::advance(Duration::from_secs(3)).await;
        drop(one);
        assert!(run.used().1);
        drop(two);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(run.used(), (Duration::from_secs(7), false), "with those before");
    }
}
