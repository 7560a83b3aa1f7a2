//! What all parts of a simulated world share: time, chance, the trace, and what was promised.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pathway_server::clock::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::happening::{Coverage, Fault, Operation};
use super::mutation::Mutation;
use super::promises::{Broken, Promises};
use super::random::Random;
use super::swarm::Swarm;
use super::trace::Trace;

/// When worlds begin, in seconds since 1970.
const BEGINNING: i64 = 1_717_200_000;
/// Milliseconds that a clock is wrong at most.
const SKEW: u64 = 20_000;
/// The service that is away for a long while, now and then: calls of it go through a circuit.
pub(crate) const AWAY: &str = "weak";
/// Processes that crash in a world: each crash takes time, and one is much like the next.
const CRASHES: u32 = 12;

/// See above.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) swarm: Swarm,
    mutation: Option<Mutation>,
    begin: Instant,
    trace: Mutex<Trace>,
    coverage: Mutex<Coverage>,
    chance: Mutex<BTreeMap<&'static str, Random>>,
    promises: Mutex<Promises>,
    broken: Mutex<Option<Broken>>,
    /// Ended when a promise is broken.
    over: CancellationToken,
    /// Whether anything goes wrong.
    is_rough: AtomicBool,
    /// How the service is away that is [`AWAY`] now and then.
    away: Mutex<Option<Fault>>,
    crashes: Mutex<u32>,
}

impl World {
    pub(crate) fn new(seed: u64, swarm: Swarm, mutation: Option<Mutation>, aloud: bool) -> Self {
        Self {
            seed,
            swarm,
            mutation,
            begin: Instant::now(),
            trace: Mutex::new(Trace::new(aloud)),
            coverage: Mutex::default(),
            chance: Mutex::default(),
            promises: Mutex::default(),
            broken: Mutex::default(),
            over: CancellationToken::new(),
            is_rough: AtomicBool::new(true),
            away: Mutex::default(),
            crashes: Mutex::new(CRASHES),
        }
    }

    /// Whether this guard is gone.
    pub(crate) fn is_mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// For how long the world has been there.
    pub(crate) fn age(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Its time.
    pub(crate) fn now(&self) -> Timestamp {
        now(self.begin)
    }

    /// Tells its time, as well as a process knows it.
    pub(crate) fn clock(&self, who: &str) -> Clock {
        let begin = self.begin;
        let skew = match self.strikes(Fault::Skew, who) {
            true => self.draw("clocks", |random| random.range(0..2 * SKEW) as i64 - SKEW as i64),
            false => 0,
        };
        Clock::new(move || now(begin) + SignedDuration::from_millis(skew))
    }

    /// Notes something that happened.
    pub(crate) fn note(&self, who: &str, what: impl Into<String>) {
        lock(&self.trace).add(self.age(), who, what.into());
    }

    /// Draws from the chance of a part of the world.
    pub(crate) fn draw<T>(&self, part: &'static str, draw: impl FnOnce(&mut Random) -> T) -> T {
        let mut chance = lock(&self.chance);
        draw(chance.entry(part).or_insert_with(|| Random::new(self.seed, part)))
    }

    /// How long something takes that is quick.
    pub(crate) fn moment(&self, part: &'static str) -> Duration {
        Duration::from_millis(self.draw(part, |random| random.range(0..self.swarm.latency + 1)))
    }

    /// How long something takes that is slow.
    pub(crate) fn while_(&self, part: &'static str, longest: Duration) -> Duration {
        let longest = longest.as_millis() as u64;
        Duration::from_millis(self.draw(part, |random| random.range(longest / 8..longest + 1)))
    }

    /// Whether a fault strikes `who` now.
    pub(crate) fn strikes(&self, fault: Fault, who: &str) -> bool {
        let Some(often) = self.swarm.faults.get(&fault) else { return false };
        let strikes = self.is_rough.load(Ordering::Relaxed)
            && self.draw("faults", |random| random.happens(*often))
            && (!fault.is_crash() || self.may_crash());
        if strikes {
            lock(&self.coverage).fault(fault);
            self.note(who, format!("! {fault}"));
        }
        strikes
    }

    /// How a service is away, if it is.
    pub(crate) fn away(&self, service: &str) -> Option<Fault> {
        lock(&self.away).filter(|_| service == AWAY)
    }

    /// It is so from now on, or there again.
    pub(crate) fn set_away(&self, how: Option<Fault>) {
        *lock(&self.away) = how;
        self.note(
            "world",
            how.map_or_else(|| format!("! {AWAY} is there"), |how| format!("! {AWAY}: {how}")),
        );
    }

    fn may_crash(&self) -> bool {
        let mut left = lock(&self.crashes);
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }

    /// Notes that something was done.
    pub(crate) fn did(&self, operation: Operation) {
        lock(&self.coverage).operation(operation);
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm_down(&self) {
        self.is_rough.store(false, Ordering::Relaxed);
        self.note("world", "! from here on nothing goes wrong");
    }

    /// Looks whether what happens is as promised.
    pub(crate) fn expect(&self, check: impl FnOnce(&mut Promises) -> Result<(), Broken>) {
        if let Err(broken) = check(&mut lock(&self.promises)) {
            self.breaks(broken);
        }
    }

    /// A promise was broken: the first one is told.
    pub(crate) fn breaks(&self, broken: Broken) {
        let mut first = lock(&self.broken);
        if first.is_none() {
            self.note("world", format!("!! broken: {}: {}", broken.promise, broken.why));
            *first = Some(broken);
            self.over.cancel();
        }
    }

    /// Reads what is known.
    pub(crate) fn promises(&self) -> MutexGuard<'_, Promises> {
        lock(&self.promises)
    }

    /// Ready when a promise is broken.
    pub(crate) async fn is_over(&self) {
        self.over.cancelled().await;
    }

    pub(crate) fn broken(&self) -> Option<Broken> {
        lock(&self.broken).clone()
    }

    pub(crate) fn coverage(&self) -> Coverage {
        lock(&self.coverage).clone()
    }

    pub(crate) fn trace(&self) -> MutexGuard<'_, Trace> {
        lock(&self.trace)
    }
}

fn now(begin: Instant) -> Timestamp {
    let age = SignedDuration::try_from(begin.elapsed()).unwrap();
    Timestamp::from_second(BEGINNING).unwrap() + age
}

/// What a mutex holds: a thread has the world for itself, and whoever panics ends it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
