//! What a call of a service has to pass: the circuit, the rate, and how many calls are worth making at once.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::limits::{
    Adaptive, Begun, Circuit, Limit, Limits as Slotted, Load, Outcome, Permit, Range, Rate, Settings, State,
};
use pathway_engine::project;
use pathway_engine::vm::{Class, Failure};
use tokio::sync::Notify;

use super::slots::Slots;
use crate::clock::Clock;
use crate::effects::http::counts_against_circuit;

/// What services that are `like` each other share.
#[derive(Debug)]
pub(super) struct Gate {
    limit: Limit,
    pub(super) says: Says,
    /// What a call needs slots of.
    pub(super) slotted: Slotted,
    pub(super) rate: Option<Mutex<Rate>>,
    pub(super) circuit: Option<Mutex<Circuit>>,
    pub(super) adaptive: Option<Found>,
    /// Told when a call is over: a half-open circuit may admit another probe then.
    pub(super) settled: Notify,
    /// By which it is open for so long, and admits so many: a steady one.
    pub(super) clock: Clock,
    /// Calls that succeeded.
    succeeded: AtomicU64,
    /// Told when its circuit changes.
    strained: Arc<Notify>,
}

/// How many calls of others had succeeded when a call failed last because a service is out.
#[derive(Debug, Default)]
pub(super) struct Excuse(Option<u64>);

/// What a project says of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Says {
    pub(super) rate: Option<project::Rate>,
    pub(super) circuit: Option<project::Circuit>,
    pub(super) adaptive: Option<Range>,
}

/// How many calls are worth making at once, within what.
#[derive(Debug, Clone)]
pub(super) struct Found {
    range: Range,
    adaptive: Arc<Mutex<Adaptive>>,
    slots: Slots,
}

impl Found {
    /// What `gate` has found out already within that range, or is to find out.
    pub(super) fn of(range: Range, gate: Option<&Arc<Gate>>, slots: &Slots) -> Self {
        let known = gate.and_then(|gate| gate.adaptive.as_ref()).filter(|found| found.range == range);
        known.cloned().unwrap_or_else(|| {
            let adaptive = Arc::new(Mutex::new(Adaptive::new(range)));
            Self { range, adaptive, slots: slots.clone() }
        })
    }

    /// As many slots of `limit` as are found out to be worth having, from now on.
    pub(super) fn give_out(&self, limit: &Limit) {
        let adaptive = lock(&self.adaptive);
        self.slots.set_adaptive(limit, adaptive.limit(), self.range);
    }
}

impl Gate {
    /// One of which that is said. `strained` is told when its circuit changes.
    pub(super) fn new(
        limit: Limit,
        says: Says,
        adaptive: Option<Found>,
        (clock, strained): (&Clock, &Arc<Notify>),
    ) -> Self {
        let rate = says.rate.and_then(|rate| Rate::new(NonZeroU32::new(rate.count)?, rate.period));
        let circuit = says.circuit.map(|circuit| {
            Circuit::new(Settings {
                failures: circuit.failures,
                open: circuit.open,
                half_open: circuit.half_open,
            })
        });
        Self {
            slotted: Slotted::from([Limit::ServerSteps, limit.clone()]),
            limit,
            says,
            rate: rate.map(Mutex::new),
            circuit: circuit.map(Mutex::new),
            adaptive,
            settled: Notify::new(),
            succeeded: AtomicU64::new(0),
            clock: clock.steady(),
            strained: strained.clone(),
        }
    }

    /// How long its circuit stays open; none: it is not.
    pub(super) fn opens_after(&self) -> Option<Duration> {
        let wait = lock(self.circuit.as_ref()?).retry_after(self.clock.now())?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Ready when it is that time.
    pub(super) async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(self.clock.now());
        if let Ok(wait) = Duration::try_from(wait) {
            tokio::time::sleep(wait).await;
        }
    }

    /// A call begins, and with it its time.
    pub(super) fn begin(&self) -> Timed<'_> {
        let call = self.adaptive.as_ref().map(|found| lock(&found.adaptive).begin(self.clock.now()));
        Timed { gate: self, call }
    }

    /// Whether a call failed because the service is out, and so will others. If any has succeeded since
    /// it failed before, it may be what is wrong.
    pub(super) fn excuses(&self, failure: &Failure, excuse: &mut Excuse) -> bool {
        let Some(circuit) = &self.circuit else { return false };
        let is_out = lock(circuit).snapshot(self.clock.now()).state != State::Closed;
        let succeeded = self.succeeded.load(Ordering::Relaxed);
        let is_alone = excuse.0.replace(succeeded).is_none_or(|before| before == succeeded);
        is_out && is_alone && counts_against_circuit(failure)
    }

    /// A permit of its circuit, if that admits a call now.
    pub(super) fn permit(&self) -> Option<Probe<'_>> {
        let permit = match &self.circuit {
            None => None,
            Some(circuit) => Some(lock(circuit).admit(self.clock.now()).ok()?),
        };
        Some(Probe { gate: self, permit })
    }
}

/// A permit of a circuit; one that is dropped counts as cancelled.
pub(super) struct Probe<'a> {
    gate: &'a Gate,
    permit: Option<Permit>,
}

impl Probe<'_> {
    /// Says what came of it.
    pub(super) fn settle(mut self, answer: &Result<Value, Failure>) {
        let outcome = match answer {
            Err(failure) if counts_against_circuit(failure) => Outcome::Failure,
            _ => {
                self.gate.succeeded.fetch_add(1, Ordering::Relaxed);
                Outcome::Success
            }
        };
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        if let (Some(permit), Some(circuit)) = (self.permit.take(), &self.gate.circuit)
            && let Some(state) = lock(circuit).settle(permit, outcome, self.gate.clock.now())
        {
            tracing::warn!(limit = %self.gate.limit, ?state, "circuit changed");
            self.gate.strained.notify_one();
        }
        self.gate.settled.notify_waiters();
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}

/// A call whose time tells how busy the service is; one that is dropped tells nothing.
pub(super) struct Timed<'a> {
    gate: &'a Gate,
    call: Option<Begun>,
}

impl Timed<'_> {
    /// Says what came of it.
    pub(super) fn settle(mut self, answer: &Result<Value, Failure>) {
        self.end(load(answer));
    }

    fn end(&mut self, load: Load) {
        let (Some(call), Some(found)) = (self.call.take(), &self.gate.adaptive) else { return };
        let mut adaptive = lock(&found.adaptive);
        if let Some(limit) = adaptive.settle(call, load, self.gate.clock.now()) {
            // Before another call settles, so that the last word is the newest.
            found.slots.adapt(&self.gate.limit, limit, found.range);
        }
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.end(Load::Unknown);
    }
}

/// What an answer tells of how busy the service is. What failed for another reason may have failed sooner
/// than an answer takes.
fn load(answer: &Result<Value, Failure>) -> Load {
    match answer {
        Ok(_) => Load::Answered,
        Err(failure) if failure.class == Class::Timeout || matches!(failure.status, Some(429 | 503)) => {
            Load::Overload
        }
        Err(_) => Load::Unknown,
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
