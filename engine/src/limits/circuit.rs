//! A circuit breaker for one service.
//!
//! Closed, it lets every call through until so many fail in a row. Then it is open and refuses
//! all for a while; after that it is half-open and admits a few probes at once. If enough of
//! them succeed it closes, if one fails it is open again.
//!
//! When it trips and for how long is [`failsafe`]'s policy. Its state machine is not used: that
//! has its own clock, admits every call when half-open, cannot be asked its state, and lets the
//! late result of a call from before the opening close it.

use std::time::Duration;

use failsafe::FailurePolicy;
use failsafe::backoff::{self, Constant};
use failsafe::failure_policy::{self, ConsecutiveFailures};
use jiff::Timestamp;

/// When a circuit opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// It opens after so many failures in a row (at least 1).
    pub failures: u32,
    /// It is open so long.
    pub open: Duration,
    /// Half-open, it admits so many calls at once and closes after as many successes (at least 1).
    pub half_open: u32,
}

/// Whether calls are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All are.
    Closed,
    /// None is.
    Open,
    /// Some are, to see how they fare.
    HalfOpen,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name for operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Leave to make one call: to be given to [`Circuit::settle`], whatever becomes of the call.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is not settled blocks a probe for good"]
pub struct Permit {
    generation: u64,
}

/// What became of a call. What counts as a failure is the caller's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service works.
    Success,
    /// The service does not work.
    Failure,
    /// Nothing was learnt: the call was not made, or given up.
    Cancelled,
}

/// A call is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When it is worth asking again; `None` while half-open with all probes under way: when one
    /// of them is settled.
    pub retry_at: Option<Timestamp>,
}

/// What there is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether calls are let through.
    pub state: State,
    /// Failures in a row, up to the last opening.
    pub failures: u32,
    /// When it opened, unless it is closed.
    pub opened_at: Option<Timestamp>,
    /// When it becomes half-open, if it is open.
    pub half_opens_at: Option<Timestamp>,
    /// Probes under way, if half-open.
    pub probes: u32,
    /// Probes that succeeded, if half-open.
    pub successes: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    /// Half-open from `until` on.
    Tripped {
        since: Timestamp,
        until: Timestamp,
        probes: u32,
        successes: u32,
    },
}

/// A circuit breaker.
#[derive(Debug)]
pub struct Circuit {
    half_open: u32,
    policy: ConsecutiveFailures<Constant>,
    phase: Phase,
    /// Failures in a row.
    failures: u32,
    /// How often it has opened: results of calls from before count no more.
    generation: u64,
}

impl Circuit {
    /// A closed circuit.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let backoff = backoff::constant(settings.open);
        Self {
            half_open: settings.half_open.max(1),
            policy: failure_policy::consecutive_failures(settings.failures.max(1), backoff),
            phase: Phase::Closed,
            failures: 0,
            generation: 0,
        }
    }

    /// Asks leave for a call.
    ///
    /// # Errors
    /// The circuit is open, or half-open with all its probes under way.
    pub fn admit(&mut self, now: Timestamp) -> Result<Permit, Refused> {
        let permit = Permit { generation: self.generation };
        match &mut self.phase {
            Phase::Closed => Ok(permit),
            Phase::Tripped { since, until, .. } if is_open(*since, *until, now) => {
                Err(Refused { retry_at: Some(*until) })
            }
            Phase::Tripped { probes, .. } if *probes >= self.half_open => Err(Refused { retry_at: None }),
            Phase::Tripped { probes, .. } => {
                *probes += 1;
                Ok(permit)
            }
        }
    }

    /// Says what became of a call; returns the new state if that changed it. The result of a
    /// call that was admitted before the last opening changes nothing.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is good for one call")]
    pub fn settle(&mut self, permit: Permit, outcome: Outcome, now: Timestamp) -> Option<State> {
        if permit.generation != self.generation {
            return None;
        }
        let closes = match &mut self.phase {
            Phase::Closed => false,
            Phase::Tripped { probes, successes, .. } => {
                *probes = probes.saturating_sub(1);
                *successes += u32::from(outcome == Outcome::Success);
                *successes >= self.half_open
            }
        };
        match outcome {
            Outcome::Success if closes => {
                self.policy.revived();
                self.failures = 0;
                self.phase = Phase::Closed;
                Some(State::Closed)
            }
            Outcome::Success if matches!(self.phase, Phase::Closed) => {
                self.policy.record_success();
                self.failures = 0;
                None
            }
            Outcome::Failure => {
                self.failures = self.failures.saturating_add(1);
                let open = self.policy.mark_dead_on_failure()?;
                self.generation += 1;
                let until = now.checked_add(open).unwrap_or(Timestamp::MAX);
                self.phase = Phase::Tripped { since: now, until, probes: 0, successes: 0 };
                Some(State::Open)
            }
            Outcome::Success | Outcome::Cancelled => None,
        }
    }

    /// Whether calls are let through at `now`; open for long enough reads as half-open.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Tripped { since, until, .. } if is_open(since, until, now) => State::Open,
            Phase::Tripped { .. } => State::HalfOpen,
        }
    }

    /// How long it is still open; `None` if it is not.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        match self.phase {
            Phase::Tripped { since, until, .. } if is_open(since, until, now) => {
                Some(until.duration_since(now).unsigned_abs())
            }
            _ => None,
        }
    }

    /// What there is to show at `now`.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let state = self.state(now);
        let (opened_at, until, probes, successes) = match self.phase {
            Phase::Closed => (None, None, 0, 0),
            Phase::Tripped { since, until, probes, successes } => {
                (Some(since), Some(until), probes, successes)
            }
        };
        let half_opens_at = until.filter(|_| state == State::Open);
        Snapshot { state, failures: self.failures, opened_at, half_opens_at, probes, successes }
    }
}

/// A clock that was set back by more than the whole time does not keep it open.
fn is_open(since: Timestamp, until: Timestamp, now: Timestamp) -> bool {
    now < until && since.duration_since(now) <= until.duration_since(since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings { failures: 3, open: Duration::from_secs(30), half_open: 2 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_secs(seconds)
    }

    fn call(circuit: &mut Circuit, outcome: Outcome, now: Timestamp) -> Option<State> {
        let permit = circuit.admit(now).unwrap();
        circuit.settle(permit, outcome, now)
    }

    fn tripped() -> Circuit {
        let mut circuit = Circuit::new(SETTINGS);
        for _ in 0..2 {
            assert_eq!(call(&mut circuit, Outcome::Failure, at(0)), None);
        }
        assert_eq!(call(&mut circuit, Outcome::Failure, at(0)), Some(State::Open));
        circuit
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let mut circuit = Circuit::new(SETTINGS);
        for outcome in
            [Outcome::Failure, Outcome::Failure, Outcome::Success, Outcome::Failure, Outcome::Failure]
        {
            assert_eq!(call(&mut circuit, outcome, at(0)), None);
        }
        assert_eq!(circuit.snapshot(at(0)).failures, 2);
        assert_eq!(call(&mut circuit, Outcome::Failure, at(0)), Some(State::Open));
        assert_eq!(circuit.admit(at(10)), Err(Refused { retry_at: Some(at(30)) }));
        assert_eq!(circuit.retry_after(at(10)), Some(Duration::from_secs(20)));
    }

    #[test]
    fn an_opening_that_is_over_reads_as_half_open() {
        let circuit = tripped();
        assert_eq!(circuit.state(at(29)), State::Open);
        assert_eq!(circuit.state(at(30)), State::HalfOpen);
        assert_eq!(circuit.retry_after(at(30)), None);
        let snapshot = circuit.snapshot(at(10));
        assert_eq!((snapshot.opened_at, snapshot.half_opens_at), (Some(at(0)), Some(at(30))));
        assert_eq!(circuit.snapshot(at(31)).half_opens_at, None);
    }

    #[test]
    fn half_open_admits_a_few_and_closes_after_as_many_successes() {
        let mut circuit = tripped();
        let first = circuit.admit(at(30)).unwrap();
        let second = circuit.admit(at(30)).unwrap();
        assert_eq!(circuit.admit(at(30)), Err(Refused { retry_at: None }));
        assert_eq!(circuit.settle(first, Outcome::Success, at(31)), None);
        assert_eq!(circuit.snapshot(at(31)).successes, 1);
        assert_eq!(circuit.settle(second, Outcome::Success, at(31)), Some(State::Closed));
        // It starts again from nothing.
        assert_eq!(circuit.snapshot(at(31)).failures, 0);
        assert_eq!(call(&mut circuit, Outcome::Failure, at(32)), None);
    }

    #[test]
    fn one_failure_opens_it_again() {
        let mut circuit = tripped();
        assert_eq!(call(&mut circuit, Outcome::Success, at(30)), None);
        assert_eq!(call(&mut circuit, Outcome::Failure, at(40)), Some(State::Open));
        assert_eq!(circuit.admit(at(69)), Err(Refused { retry_at: Some(at(70)) }));
        // The earlier success counts no more.
        assert_eq!(call(&mut circuit, Outcome::Success, at(70)), None);
    }

    #[test]
    fn a_cancelled_probe_makes_room_for_another() {
        let mut circuit = tripped();
        for _ in 0..10 {
            assert_eq!(call(&mut circuit, Outcome::Cancelled, at(30)), None);
        }
        assert_eq!(circuit.snapshot(at(30)).probes, 0);
    }

    #[test]
    fn late_results_from_before_the_opening_are_ignored() {
        let mut circuit = Circuit::new(SETTINGS);
        let late: Vec<Permit> = (0..4).map(|_| circuit.admit(at(0)).unwrap()).collect();
        for _ in 0..3 {
            call(&mut circuit, Outcome::Failure, at(1));
        }
        let probe = circuit.admit(at(31)).unwrap();
        let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Cancelled, Outcome::Success];
        for (permit, outcome) in late.into_iter().zip(outcomes) {
            assert_eq!(circuit.settle(permit, outcome, at(32)), None);
        }
        let snapshot = circuit.snapshot(at(32));
        assert_eq!((snapshot.state, snapshot.probes, snapshot.successes), (State::HalfOpen, 1, 0));
        circuit.settle(probe, Outcome::Cancelled, at(32));
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let mut circuit = tripped();
        assert_eq!(circuit.state(at(-30)), State::Open);
        assert_eq!(circuit.state(at(-3_600)), State::HalfOpen);
        assert_eq!(call(&mut circuit, Outcome::Success, at(-3_600)), None);
    }

    #[test]
    fn zero_means_one() {
        let mut circuit = Circuit::new(Settings { failures: 0, open: Duration::ZERO, half_open: 0 });
        assert_eq!(call(&mut circuit, Outcome::Failure, at(0)), Some(State::Open));
        assert_eq!(call(&mut circuit, Outcome::Success, at(0)), Some(State::Closed));
    }

    #[derive(Debug, Clone)]
    enum Op {
        Admit,
        Settle(usize, Outcome),
        Pass(u8),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let outcome = prop::sample::select(vec![Outcome::Success, Outcome::Failure, Outcome::Cancelled]);
        let op = prop_oneof![
            4 => Just(Op::Admit),
            4 => (any::<usize>(), outcome).prop_map(|(n, outcome)| Op::Settle(n, outcome)),
            1 => any::<u8>().prop_map(Op::Pass),
        ];
        prop::collection::vec(op, 1..300)
    }

    /// Remembers everything that happened, and works the answer out from it each time.
    #[derive(Default)]
    struct Naive {
        /// When each opening was, oldest first.
        openings: Vec<i64>,
        /// For each closing the number of openings before it.
        closings: Vec<usize>,
        /// Calls: the number of openings and closings before it was admitted, and its outcome.
        calls: Vec<(usize, usize, Option<Outcome>)>,
        /// Calls by number, in the order settled, with the openings and closings before that.
        settled: Vec<(usize, usize, usize)>,
    }

    impl Naive {
        fn is_closed(&self) -> bool {
            self.openings.is_empty() || self.closings.last() == Some(&self.openings.len())
        }

        fn state(&self, now: i64) -> State {
            match self.openings.last() {
                _ if self.is_closed() => State::Closed,
                Some(opened) if now < opened + 30 => State::Open,
                _ => State::HalfOpen,
            }
        }

        fn epoch(&self) -> (usize, usize) {
            (self.openings.len(), self.closings.len())
        }

        fn admits(&self, now: i64) -> bool {
            let (openings, _) = self.epoch();
            let probes = self.calls.iter().filter(|call| call.0 == openings && call.2.is_none()).count();
            match self.state(now) {
                State::Closed => true,
                State::Open => false,
                State::HalfOpen => probes < 2,
            }
        }

        fn settle(&mut self, call: usize, outcome: Outcome, now: i64) {
            let (openings, closings) = self.epoch();
            self.calls[call].2 = Some(outcome);
            self.settled.push((call, openings, closings));
            if self.calls[call].0 != openings {
                return;
            }
            // What counts now: results of calls of this epoch, settled in this epoch.
            let counted: Vec<Outcome> = self
                .settled
                .iter()
                .filter(|(call, o, c)| (*o, *c) == (openings, closings) && self.calls[*call].0 == openings)
                .filter_map(|(call, ..)| self.calls[*call].2)
                .filter(|outcome| *outcome != Outcome::Cancelled)
                .collect();
            if self.is_closed() {
                let failures =
                    counted.iter().rev().take_while(|outcome| **outcome == Outcome::Failure).count();
                if outcome == Outcome::Failure && failures >= 3 {
                    self.openings.push(now);
                }
            } else if outcome == Outcome::Failure {
                self.openings.push(now);
            } else if outcome == Outcome::Success
                && counted.iter().filter(|o| **o == Outcome::Success).count() >= 2
            {
                self.closings.push(openings);
            }
        }
    }

    proptest! {
        #[test]
        fn behaves_as_the_naive_model(ops in ops()) {
            let mut circuit = Circuit::new(SETTINGS);
            let mut naive = Naive::default();
            let mut permits: Vec<(usize, Permit)> = Vec::new();
            let mut now = 0i64;
            for op in ops {
                match op {
                    Op::Pass(seconds) => now += i64::from(seconds) / 4,
                    Op::Admit => {
                        let permit = circuit.admit(at(now));
                        prop_assert_eq!(permit.is_ok(), naive.admits(now));
                        if let Ok(permit) = permit {
                            let (openings, closings) = naive.epoch();
                            permits.push((naive.calls.len(), permit));
                            naive.calls.push((openings, closings, None));
                        }
                    }
                    Op::Settle(n, outcome) if !permits.is_empty() => {
                        let (call, permit) = permits.swap_remove(n % permits.len());
                        let before = naive.epoch();
                        naive.settle(call, outcome, now);
                        let changed = circuit.settle(permit, outcome, at(now));
                        let expected = match naive.epoch() {
                            after if after == before => None,
                            after if after.0 > before.0 => Some(State::Open),
                            _ => Some(State::Closed),
                        };
                        prop_assert_eq!(changed, expected);
                    }
                    Op::Settle(..) => {}
                }
                prop_assert_eq!(circuit.state(at(now)), naive.state(now));
            }
        }
    }
}
