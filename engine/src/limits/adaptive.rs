//! How many calls to a service are worth making at once, found out from how long they take.
//!
//! Where a service has room, more calls at once take no longer. Where it has none, they wait for
//! each other inside of it: they take longer, and no more of them are answered. So a window of calls
//! is compared with how long calls take when few are made. As long as they take about as long, there
//! may be more of them; where they take longer, fewer, in proportion. Where they time out or are refused as
//! too many, fewer at once.
//!
//! How long calls take when few are made is no constant, and cannot be seen while many are. Every now
//! and then half as many are made for a window, and it is measured anew. If they take as long as
//! before, it was not their number that made them slow.
//!
//! The gradient is that of [Netflix's concurrency limits][netflix], slowing down on overload that of
//! [Vector's adaptive request concurrency][vector], measuring with few [BBR][bbr]'s. Unlike the
//! former two it compares with no moving average: that follows an overload that lasts, and takes it for
//! normal.
//!
//! [netflix]: https://github.com/Netflix/concurrency-limits
//! [vector]: https://vector.dev/blog/adaptive-request-concurrency/
//! [bbr]: https://queue.acm.org/detail.cfm?id=3022184

use jiff::Timestamp;

/// Calls of a window: twice as many as may be made at once, but no fewer and no more than these.
const WINDOW: (f64, f64) = (20.0, 200.0);
/// Calls of a window while it is found out how many about, at least.
const SHORT_WINDOW: f64 = 5.0;
/// How much longer calls may take than when few are made.
const TOLERANCE: f64 = 1.3;
/// By how much a window may change the limit.
const STEP: (f64, f64) = (0.5, 1.2);
/// How much of the change is made.
const SMOOTHING: f64 = 0.3;
/// What is left of the limit after an overload.
const BACK_OFF: f64 = 0.7;
/// Overloads that end a window, if they are a tenth of it.
const OVERLOADS: u32 = 3;
/// Windows from one measurement with few calls to the next.
const MEASURED_EVERY: u32 = 20;
/// A measurement whose calls take this much of what they took before says that they are as slow.
const AS_SLOW: f64 = 0.9;

/// Between what the limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// At least (1 where it is 0).
    pub min: u32,
    /// At most.
    pub max: u32,
}

/// What a call tells of how busy the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It was answered.
    Answered,
    /// It timed out, or was refused as one too many.
    Overload,
    /// Nothing.
    Unknown,
}

/// A call under way: to be given to [`Adaptive::settle`], whatever becomes of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a call that is not settled counts as under way for good"]
pub struct Begun(Timestamp);

/// A limit that adapts.
#[derive(Debug)]
pub struct Adaptive {
    range: Range,
    limit: f64,
    phase: Phase,
    /// Seconds that calls take when few are made.
    alone: Option<f64>,
    /// Seconds that they took in the last window with as many as there may be.
    lately: Option<f64>,
    under_way: u32,
    window: Window,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Twice as many each window, until that is too many.
    Rising,
    /// A little more or fewer each window; measures after so many, or once there are fewer than so many.
    Steady { windows: u32, fewest: f64 },
    /// Half as many for a window; then as many as this again.
    Measuring(f64),
}

/// Calls that were begun one after the other, all at the same limit.
#[derive(Debug, Default)]
struct Window {
    /// When the first might have begun; those of before do not count.
    since: Option<Timestamp>,
    answered: u32,
    seconds: f64,
    overloads: u32,
    /// Most calls at once.
    peak: u32,
}

impl Window {
    fn calls(&self) -> u32 {
        self.answered.saturating_add(self.overloads)
    }

    /// Whether one of ten calls was one too many.
    fn is_overloaded(&self) -> bool {
        self.overloads.saturating_mul(10) >= self.calls() && self.overloads > 0
    }

    /// How many seconds an answered call took.
    fn mean(&self) -> f64 {
        (self.seconds / f64::from(self.answered.max(1))).max(1e-6)
    }
}

impl Adaptive {
    /// One that begins with the fewest.
    #[must_use]
    pub fn new(range: Range) -> Self {
        let min = range.min.max(1);
        let range = Range { min, max: range.max.max(min) };
        Self {
            range,
            limit: f64::from(min),
            phase: Phase::Rising,
            alone: None,
            lately: None,
            under_way: 0,
            window: Window::default(),
        }
    }

    /// How many calls are worth making at once.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within the range, whose ends are whole and not negative"
    )]
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// A call begins.
    pub fn begin(&mut self, now: Timestamp) -> Begun {
        self.under_way = self.under_way.saturating_add(1);
        self.window.since.get_or_insert(now);
        self.window.peak = self.window.peak.max(self.under_way);
        Begun(now)
    }

    /// Says what became of a call; returns the new limit if that changed it.
    #[expect(clippy::needless_pass_by_value, reason = "a call ends once")]
    pub fn settle(&mut self, call: Begun, load: Load, now: Timestamp) -> Option<u32> {
        let Begun(began) = call;
        self.under_way = self.under_way.saturating_sub(1);
        let is_of_window = self.window.since.is_some_and(|since| began >= since);
        match load {
            Load::Answered if is_of_window => {
                self.window.answered += 1;
                self.window.seconds += now.duration_since(began).as_secs_f64().max(0.0);
            }
            Load::Overload if is_of_window => self.window.overloads += 1,
            Load::Answered | Load::Overload | Load::Unknown => return None,
        }
        if !self.is_window_full() {
            return None;
        }
        let before = self.limit();
        let window = std::mem::take(&mut self.window);
        self.window.since = Some(now);
        self.window.peak = self.under_way;
        self.learn(&window);
        let limit = self.limit();
        (limit != before).then_some(limit)
    }

    fn is_window_full(&self) -> bool {
        let window = &self.window;
        if window.overloads >= OVERLOADS && window.is_overloaded() {
            return true;
        }
        let wanted = match self.phase {
            Phase::Rising => self.limit.max(SHORT_WINDOW).min(WINDOW.1),
            Phase::Steady { .. } | Phase::Measuring(_) => (2.0 * self.limit).clamp(WINDOW.0, WINDOW.1),
        };
        f64::from(window.calls()) >= wanted
    }

    fn learn(&mut self, window: &Window) {
        if window.is_overloaded() {
            let limit = match self.phase {
                Phase::Measuring(limit) => limit,
                Phase::Rising | Phase::Steady { .. } => self.limit,
            };
            self.set(limit * BACK_OFF);
            self.phase = self.steady();
            return;
        }
        let took = window.mean();
        // As many as there may be were made, or nearly.
        let is_busy = window.peak.saturating_mul(4) >= self.limit().saturating_mul(3);
        let alone = self.alone.map_or(took, |alone| match self.phase {
            // Nothing was measured yet, and the first calls may have had to connect.
            Phase::Rising => alone.min(took),
            Phase::Steady { .. } | Phase::Measuring(_) => alone,
        });
        self.alone = Some(alone);
        let ratio = TOLERANCE * alone / took;
        match self.phase {
            Phase::Measuring(limit) => {
                let is_as_slow = self.lately.is_some_and(|lately| took > lately * AS_SLOW);
                self.alone = Some(if is_as_slow { took } else { f64::midpoint(alone, took) });
                self.set(limit);
                self.phase = self.steady();
                return;
            }
            Phase::Rising if ratio >= 1.0 && self.limit < f64::from(self.range.max) => {
                if is_busy {
                    self.set(self.limit * 2.0);
                }
            }
            Phase::Rising => {
                self.set(self.limit * ratio.clamp(STEP.0, 1.0));
                self.measure();
            }
            Phase::Steady { windows, fewest } => {
                let step = ratio.clamp(STEP.0, STEP.1);
                if step < 1.0 || is_busy {
                    self.set(self.limit * (1.0 + SMOOTHING * (step - 1.0)));
                }
                match windows.checked_sub(1) {
                    Some(windows) if self.limit >= fewest => self.phase = Phase::Steady { windows, fewest },
                    _ => self.measure(),
                }
            }
        }
        self.lately = Some(took);
    }

    fn steady(&self) -> Phase {
        Phase::Steady { windows: MEASURED_EVERY, fewest: self.limit / 2.0 }
    }

    fn measure(&mut self) {
        self.phase = Phase::Measuring(self.limit);
        self.set(self.limit / 2.0);
    }

    fn set(&mut self, limit: f64) {
        self.limit = limit.clamp(f64::from(self.range.min), f64::from(self.range.max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    const RANGE: Range = Range { min: 1, max: 64 };

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_micros(micros)
    }

    /// A service that does so many calls at once, each in 50 ms and a little; more wait for each other.
    /// As many calls are made as there may be.
    struct Service {
        adaptive: Adaptive,
        now: i64,
        /// Calls under way, by when they end.
        calls: std::collections::BTreeMap<(i64, u64), Begun>,
        made: u64,
        takes: f64,
        workers: f64,
        /// Microseconds after which it refuses.
        patience: i64,
    }

    impl Service {
        fn new(range: Range, workers: f64) -> Self {
            Self {
                adaptive: Adaptive::new(range),
                now: 0,
                calls: std::collections::BTreeMap::new(),
                made: 0,
                takes: 50_000.0,
                workers,
                patience: i64::MAX,
            }
        }

        /// Lets so many seconds pass; tells how many calls were answered in a second, and the mean limit.
        fn pass(&mut self, seconds: i64) -> (f64, f64) {
            let end = self.now + seconds * 1_000_000;
            let (mut answered, mut limits) = (0u32, 0.0);
            let mut ended = 0u32;
            while self.now < end {
                while self.calls.len() < self.adaptive.limit() as usize {
                    let begun = self.adaptive.begin(at(self.now));
                    let busy = ((self.calls.len() + 1) as f64 / self.workers).max(1.0);
                    // From 80 to 120 %, in no order.
                    let jitter = 0.8 + 0.4 * ((self.made * 7919 % 101) as f64 / 100.0);
                    let took = ((self.takes * busy * jitter) as i64).min(self.patience);
                    self.calls.insert((self.now + took, self.made), begun);
                    self.made += 1;
                }
                let ((until, n), begun) = self.calls.pop_first().unwrap();
                let took_too_long = at(until).duration_since(begun.0).as_micros() as i64 >= self.patience;
                let load = if took_too_long { Load::Overload } else { Load::Answered };
                assert!(n < self.made);
                self.now = until;
                let changed = self.adaptive.settle(begun, load, at(until));
                assert!(changed.is_none_or(|limit| limit == self.adaptive.limit()));
                answered += u32::from(load == Load::Answered);
                ended += 1;
                limits += f64::from(self.adaptive.limit());
            }
            (f64::from(answered) / seconds as f64, limits / f64::from(ended))
        }
    }

    #[test]
    fn a_service_is_kept_busy_and_no_more() {
        for workers in [4.0, 8.0, 16.0, 32.0] {
            let mut service = Service::new(RANGE, workers);
            service.pass(20);
            let (answered, limit) = service.pass(40);
            let most = workers / 0.05;
            assert!(answered > most * 0.9, "{workers} workers: {answered} of {most} a second at {limit}");
            assert!(limit < workers * 1.5, "{workers} workers: {limit} at once");
        }
    }

    #[test]
    fn where_calls_do_not_slow_each_other_there_are_as_many_as_there_may_be() {
        let mut service = Service::new(RANGE, 1_000.0);
        service.pass(10);
        let (_, limit) = service.pass(60);
        assert!(limit > 60.0, "{limit}");
    }

    #[test]
    fn a_service_that_loses_half_of_its_workers_and_has_them_again_is_followed() {
        let mut service = Service::new(RANGE, 16.0);
        let mut limits = Vec::new();
        for workers in [16.0, 8.0, 16.0] {
            service.workers = workers;
            service.pass(30);
            limits.push(service.pass(30));
        }
        assert!(limits[1].1 < 12.0 && limits[1].0 > 140.0, "{limits:?}");
        assert!(limits[2].1 > 14.0 && limits[2].0 > 280.0, "{limits:?}");
    }

    #[test]
    fn calls_that_take_longer_whatever_their_number_are_not_made_fewer_for_long() {
        let mut service = Service::new(RANGE, 16.0);
        service.pass(30);
        service.takes *= 2.0;
        service.pass(30);
        let (answered, limit) = service.pass(30);
        assert!(limit > 14.0 && answered > 140.0, "{answered} a second at {limit}");
    }

    #[test]
    fn what_is_refused_is_made_less_of_at_once() {
        let mut service = Service::new(RANGE, 16.0);
        service.pass(30);
        let before = service.adaptive.limit();
        // All calls are refused from now on.
        service.patience = 1_000;
        service.pass(1);
        assert_eq!(service.adaptive.limit(), 1, "from {before}");
        service.patience = i64::MAX;
        service.pass(60);
        assert!(service.adaptive.limit() >= 14, "{}", service.adaptive.limit());
    }

    #[test]
    fn who_makes_few_calls_learns_nothing_of_many() {
        let mut adaptive = Adaptive::new(RANGE);
        for n in 0..1000 {
            let call = adaptive.begin(at(n * 100_000));
            adaptive.settle(call, Load::Answered, at(n * 100_000 + 50_000));
        }
        assert!(adaptive.limit() <= 2, "{}", adaptive.limit());
    }

    proptest! {
        #[test]
        fn it_stays_within_its_range(
            (min, max) in (0u32..20, 0u32..40),
            calls in prop::collection::vec((any::<bool>(), 0usize..8, 0u8..3, 0i64..200_000), 1..2000),
        ) {
            let mut adaptive = Adaptive::new(Range { min, max });
            let (min, max) = (min.max(1), max.max(min).max(1));
            let mut under_way = Vec::new();
            let mut now = 0;
            for (begins, which, load, passes) in calls {
                now += passes;
                if begins || under_way.is_empty() {
                    under_way.push(adaptive.begin(at(now)));
                } else {
                    let load = [Load::Answered, Load::Overload, Load::Unknown][usize::from(load)];
                    let call = under_way.swap_remove(which % under_way.len());
                    let before = adaptive.limit();
                    let changed = adaptive.settle(call, load, at(now));
                    let after = adaptive.limit();
                    prop_assert_eq!(changed, (after != before).then_some(after));
                }
                prop_assert!((min..=max).contains(&adaptive.limit()), "{adaptive:?}");
                prop_assert_eq!(adaptive.under_way as usize, under_way.len());
            }
        }
    }
}
