//! Runs that wait for nothing but a signal, or a time that is not near: nothing of them is in memory
//! but who they are. Whatever they wait for wakes them, or that they are called off: they are read
//! back from the store then, as after a restart.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pathway_engine::vm::{Effect, Failure, Vm};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use super::actor::Message;
use super::holding::Holding;
use super::timers::{Due, Timers};
use super::{Admitted, Inner};
use crate::store::{Home, Status, StoreError};

/// A time that is nearer than this is waited for awake.
const NAP: Duration = Duration::from_secs(5);
/// How long a run stays awake for each event of its journal: what it takes to read a long one back is
/// worth waiting whether it is needed again.
const AWAKE_PER_EVENT: Duration = Duration::from_millis(1);
/// How long a run that is to be told something waits for it, before it looks whether it still is: else it
/// could fall asleep before.
const CALLED: Duration = Duration::from_secs(10);
/// A journal of so many events is read back at once.
const SHORT: u32 = 100;
/// Runs of a pathway that are read back at once, or wait after that for their slots and to be told what they
/// were woken for.
const ROOM: usize = 1_000;

/// See above.
#[derive(Debug, Default)]
pub(super) struct Asleep {
    state: Mutex<State>,
    /// Somebody is to be woken, or earlier than all others.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By public id.
    sleepers: HashMap<Arc<str>, Sleeper>,
    alarms: BTreeSet<(Instant, Arc<str>)>,
    /// To be woken, in this order.
    called: VecDeque<Arc<str>>,
    /// By pathway, so that one whose runs have to wait keeps no others from waking.
    rooms: HashMap<Arc<str>, Arc<Semaphore>>,
}

/// A run that sleeps, or is being woken.
#[derive(Debug)]
struct Sleeper {
    rest: Rest,
    stays: Stays,
    alarm: Option<Instant>,
    /// Why it is called off, if it was meanwhile.
    called_off: Option<Failure>,
    sleep: Sleep,
}

/// How deep a run sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// Until it is called, or its time comes.
    Sound,
    /// It was called.
    Called,
    /// It is being read back.
    Waking,
}

/// What a run does not forget while it sleeps, and the store does not know.
#[derive(Debug, Clone)]
struct Stays {
    pathway: Arc<str>,
    holding: Option<Arc<Holding>>,
    parent: Option<String>,
    is_suspect: bool,
}

/// What a run has that may sleep.
#[derive(Debug)]
pub(super) struct Rest {
    /// What it wakes by itself for.
    pub(super) timers: Timers,
    /// For how long it held its slots.
    pub(super) used: Duration,
}

/// That a run was asleep.
#[derive(Debug)]
pub(super) struct Woken {
    /// What it had; once it is awake.
    pub(super) rest: Option<Rest>,
    /// Its place among those that are being woken.
    _room: OwnedSemaphorePermit,
}

impl Rest {
    /// How long a run with so many events stays awake before; whether it is to be told something.
    pub(super) fn after(events: u32, is_to_hear: bool) -> Duration {
        let long = if events <= SHORT { Duration::ZERO } else { AWAKE_PER_EVENT * events };
        if is_to_hear { long.max(CALLED) } else { long }
    }
}

/// Whether a run waits for nothing but signals and times.
pub(super) fn only_waits(vm: &Vm) -> bool {
    if !vm.is_suspended() || vm.outcome().is_some() {
        return false;
    }
    let in_flight = vm.in_flight();
    let waits = |effect: &Effect| matches!(effect, Effect::Await { .. } | Effect::Timer { .. });
    !in_flight.is_empty() && in_flight.iter().all(|unfinished| waits(&unfinished.effect))
}

/// Whether what a run has set is not near.
pub(super) fn is_far(timers: &Timers) -> bool {
    timers.next().is_none_or(|wait| wait >= NAP)
}

impl Asleep {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sleep.
    pub(super) fn len(&self) -> usize {
        self.state().sleepers.len()
    }

    pub(super) fn contains(&self, run: &str) -> bool {
        self.state().sleepers.contains_key(run)
    }

    /// A run sleeps from now on.
    pub(super) fn lay(&self, run: &Admitted, rest: Rest) {
        let id: Arc<str> = run.public_id.as_str().into();
        let mut state = self.state();
        let alarm = rest.timers.next().map(|wait| Instant::now() + wait);
        if let Some(at) = alarm {
            let is_first = state.alarms.first().is_none_or(|(first, _)| at < *first);
            state.alarms.insert((at, id.clone()));
            if is_first {
                self.wake.notify_one();
            }
        }
        let stays = Stays {
            pathway: run.plan.name.clone(),
            holding: run.holding.clone(),
            parent: run.parent.clone(),
            is_suspect: run.is_suspect,
        };
        state.sleepers.insert(id, Sleeper { rest, stays, alarm, called_off: None, sleep: Sleep::Sound });
    }

    /// Wakes a run, for `reason` if it is called off; false where it does not sleep.
    pub(super) fn call(&self, run: &str, reason: Option<Failure>) -> bool {
        let mut state = self.state();
        let State { sleepers, called, .. } = &mut *state;
        let Some(id) = sleepers.get_key_value(run).map(|(id, _)| id.clone()) else { return false };
        let Some(sleeper) = sleepers.get_mut(run) else { return false };
        if sleeper.called_off.is_none() {
            sleeper.called_off = reason;
        }
        if sleeper.sleep == Sleep::Sound {
            sleeper.sleep = Sleep::Called;
            called.push_back(id);
            self.wake.notify_one();
        }
        true
    }

    /// A run is awake, or never will be; tells what it had, and why it is called off, if it is.
    pub(super) fn leave(&self, run: &str) -> Option<(Rest, Option<Failure>)> {
        self.state().leave(run).map(|sleeper| (sleeper.rest, sleeper.called_off))
    }

    /// Forgets the runs of a partition.
    pub(super) fn forget(&self, home: &Home) {
        let mut state = self.state();
        let is_of =
            |sleeper: &Sleeper| sleeper.stays.holding.as_ref().is_some_and(|holding| holding.home() == home);
        let gone = state.sleepers.iter().filter(|(_, sleeper)| is_of(sleeper)).map(|(id, _)| id.clone());
        for run in gone.collect::<Vec<_>>() {
            state.leave(&run);
        }
    }

    /// Who is to be woken now, each once; else when somebody is, if that is known.
    fn next(&self) -> Result<Arc<str>, Option<Instant>> {
        let mut state = self.state();
        while let Some(run) = state.called.pop_front() {
            // It may have gone, and another sleep in its place.
            if state.wakes(&run, Sleep::Called) {
                return Ok(run);
            }
        }
        while let Some((at, run)) = state.alarms.first().cloned() {
            if at > Instant::now() {
                return Err(Some(at));
            }
            state.alarms.pop_first();
            if state.wakes(&run, Sleep::Sound) {
                return Ok(run);
            }
        }
        Err(None)
    }

    /// How many runs of a pathway may be on their way from sleep to what they were woken for.
    fn room(&self, pathway: &Arc<str>) -> Arc<Semaphore> {
        let mut state = self.state();
        state.rooms.entry(pathway.clone()).or_insert_with(|| Arc::new(Semaphore::new(ROOM))).clone()
    }

    /// What is known of a run that is to be woken.
    fn waking(&self, run: &str) -> Option<Stays> {
        Some(self.state().sleepers.get(run)?.stays.clone())
    }
}

impl State {
    /// Whether a run sleeps so, and is woken now.
    fn wakes(&mut self, run: &str, from: Sleep) -> bool {
        match self.sleepers.get_mut(run).filter(|sleeper| sleeper.sleep == from) {
            Some(sleeper) => {
                sleeper.sleep = Sleep::Waking;
                true
            }
            None => false,
        }
    }

    fn leave(&mut self, run: &str) -> Option<Sleeper> {
        let (id, sleeper) = self.sleepers.remove_entry(run)?;
        if let Some(at) = sleeper.alarm {
            self.alarms.remove(&(at, id));
        }
        Some(sleeper)
    }
}

impl Inner {
    /// Whether runs may sleep. Who observes them is to miss nothing, and hear nothing twice.
    pub(super) fn may_sleep(&self) -> bool {
        self.observers.receiver_count() == 0
    }

    /// Whether a run is under way, or asleep.
    pub(super) fn is_under_way(&self, run: &str) -> bool {
        self.actors().contains_key(run) || self.asleep.contains(run)
    }

    /// Whether a run that is read back may go on sleeping.
    pub(super) fn rests(&self, run: &Admitted, vm: &Vm) -> Option<Rest> {
        let has_reason = run.woken.is_some() || run.called_off.is_some() || run.waits;
        // Of one that has not begun it has to be seen first whether it still is to.
        // One that calls others sees first whether it has left some of them.
        let calls = run.plan.calls().next().is_some();
        let has_begun = run.events.len() > 1 && !has_reason && !calls && self.may_sleep();
        if !has_begun || !only_waits(vm) {
            return None;
        }
        let mut timers = Timers::default();
        for unfinished in vm.in_flight() {
            if let Effect::Timer { timer, at, since } = unfinished.effect {
                timers.set(timer, Due { at, since }, &self.clock);
            }
        }
        is_far(&timers).then_some(Rest { timers, used: Duration::ZERO })
    }

    /// A run falls asleep that was under way: what came meanwhile wakes it again.
    pub(super) async fn fall_asleep(
        &self,
        run: &Admitted,
        rest: Rest,
        (mailbox, mut messages): (&mpsc::Sender<Message>, mpsc::Receiver<Message>),
    ) {
        self.asleep.lay(run, rest);
        // From here on nobody finds it awake, unless it was woken already.
        self.forget_actor(&run.public_id, mailbox);
        messages.close();
        while let Some(message) = messages.recv().await {
            // What the store has for it is told again.
            if let Message::Cancel(reason) = message {
                self.asleep.call(&run.public_id, Some(*reason));
            }
        }
    }

    /// Wakes runs, until the runner stops.
    pub(super) async fn wake(self: Arc<Self>) {
        let waking = async {
            loop {
                match self.asleep.next() {
                    Ok(run) => {
                        let inner = self.clone();
                        self.tasks.spawn(async move {
                            let stop = inner.stop.clone();
                            stop.run_until_cancelled(inner.rouse(run)).await;
                        });
                    }
                    Err(None) => self.asleep.wake.notified().await,
                    Err(Some(at)) => {
                        // Another may come that wakes before.
                        drop(tokio::time::timeout_at(at, self.asleep.wake.notified()).await);
                    }
                }
            }
        };
        self.stop.run_until_cancelled(waking).await;
    }

    async fn rouse(self: Arc<Self>, run: Arc<str>) {
        let Some(stays) = self.asleep.waking(&run) else { return };
        let holding = stays.holding.clone();
        let waking = async {
            // The semaphore is never closed.
            let Ok(room) = self.asleep.room(&stays.pathway).acquire_owned().await else { return Ok(()) };
            // Boxed, so that one that waits for room takes little.
            Box::pin(self.begin_again(&run, stays, room)).await
        };
        let woken = match &holding {
            Some(holding) => holding.work(waking).await,
            None => Some(waking.await),
        };
        if let Some(Err(error)) = woken {
            self.fatal(&error.to_string());
        }
    }

    /// Reads a run back that slept, and lets it go on; unless it is over.
    async fn begin_again(
        self: &Arc<Self>,
        run: &str,
        Stays { holding, parent, is_suspect, .. }: Stays,
        room: OwnedSemaphorePermit,
    ) -> Result<(), StoreError> {
        let known = self.store.run(run).await?;
        let read = match known.filter(|known| known.status == Status::Ready) {
            Some(known) => self.read_back(known).await?,
            None => None,
        };
        let Some(mut admitted) = read else {
            drop(self.asleep.leave(run));
            return Ok(());
        };
        if let Some(holding) = &holding {
            admitted.belong_to(holding);
        }
        (admitted.parent, admitted.is_suspect) = (parent, is_suspect);
        admitted.woken = Some(Woken { rest: None, _room: room });
        self.begin(admitted);
        Ok(())
    }

    /// Calls a run off that is under way, or asleep; false where it is neither.
    pub(super) async fn dismiss(&self, run: &str, reason: Failure) -> bool {
        if self.asleep.call(run, Some(reason.clone())) {
            return true;
        }
        let actor = self.actors().get(run).cloned();
        let told = match actor {
            Some(actor) => actor.send(Message::Cancel(Box::new(reason.clone()))).await.is_ok(),
            None => false,
        };
        // It may have fallen asleep meanwhile.
        told || self.asleep.call(run, Some(reason))
    }
}
