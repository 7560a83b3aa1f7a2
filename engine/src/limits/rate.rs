//! So many in a period: a token bucket that starts full and is refilled evenly.
//!
//! Kept as one number, the time at which the bucket will be full again (the generic cell rate
//! algorithm). It is counted in nanoseconds times the count, so that nothing is ever rounded.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

/// A step of the clock backwards by less than this is ignored: callers may come out of order.
const REORDERING: i128 = 1_000_000_000;

/// A rate such as 50 a second: up to 50 at once, then one every 20 ms.
#[derive(Debug, Clone)]
pub struct Rate {
    count: i128,
    period: i128,
    /// When the bucket will be full again.
    full_at: i128,
    /// The latest time seen, in nanoseconds.
    latest: Option<i128>,
}

impl Rate {
    /// `count` in each `period`; `None` if the period is zero.
    #[must_use]
    pub fn new(count: NonZeroU32, period: Duration) -> Option<Self> {
        let period = i128::try_from(period.as_nanos()).ok().filter(|period| *period > 0)?;
        Some(Self { count: i128::from(count.get()), period, full_at: i128::MIN, latest: None })
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none; the time at which there will be one, if nobody else takes it.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.reserve(now, Duration::ZERO).map(drop)
    }

    /// Takes a token now or one of those to come, and returns when it may be used. Callers that
    /// wait are thereby spaced by the rate, in the order in which they reserved.
    ///
    /// # Errors
    /// It would take longer than `patience`; the time is returned and no token is taken.
    pub fn reserve(&mut self, now: Timestamp, patience: Duration) -> Result<Timestamp, Timestamp> {
        let now = self.observe(now.as_nanosecond());
        let scaled = now.saturating_mul(self.count);
        let full_at = self.full_at.max(scaled).saturating_add(self.period);
        let usable = full_at.saturating_sub(self.period.saturating_mul(self.count)).max(scaled);
        // Rounded up: never a nanosecond too early.
        let at = usable.div_euclid(self.count) + i128::from(usable.rem_euclid(self.count) > 0);
        let time = Timestamp::from_nanosecond(at).unwrap_or(Timestamp::MAX);
        if at.saturating_sub(now) > i128::try_from(patience.as_nanos()).unwrap_or(i128::MAX) {
            return Err(time);
        }
        self.full_at = full_at;
        Ok(time)
    }

    /// Where the clock was set back, the bucket keeps its level.
    fn observe(&mut self, now: i128) -> i128 {
        let latest = self.latest.unwrap_or(now);
        let back = latest.saturating_sub(now);
        if (1..REORDERING).contains(&back) {
            return latest;
        }
        if back > 0 {
            self.full_at = self.full_at.saturating_sub(back.saturating_mul(self.count));
        }
        self.latest = Some(now);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn rate(count: u32, period: Duration) -> Rate {
        Rate::new(NonZeroU32::new(count).unwrap(), period).unwrap()
    }

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_nanos(nanos)
    }

    #[test]
    fn a_burst_then_evenly() {
        let mut rate = rate(50, Duration::from_secs(1));
        for _ in 0..50 {
            rate.take(at(0)).unwrap();
        }
        assert_eq!(rate.take(at(0)), Err(at(20_000_000)));
        assert_eq!(rate.take(at(19_999_999)), Err(at(20_000_000)));
        rate.take(at(20_000_000)).unwrap();
        assert_eq!(rate.take(at(20_000_000)), Err(at(40_000_000)));
    }

    #[test]
    fn rates_that_do_not_divide_are_exact() {
        let mut rate = rate(3, Duration::from_nanos(10));
        let times: Vec<_> = (0..9).map(|_| rate.reserve(at(0), Duration::MAX).unwrap()).collect();
        assert_eq!(times, [0, 0, 0, 4, 7, 10, 14, 17, 20].map(at));
    }

    #[test]
    fn reservations_are_spaced_and_bounded() {
        let mut rate = rate(2, Duration::from_nanos(20));
        let patience = Duration::from_nanos(20);
        let times: Vec<_> = (0..4).map(|_| rate.reserve(at(0), patience)).collect();
        assert_eq!(times, [0, 0, 10, 20].map(|n| Ok(at(n))));
        assert_eq!(rate.reserve(at(0), patience), Err(at(30)));
        // What was refused has not been taken.
        assert_eq!(rate.reserve(at(10), patience), Ok(at(30)));
    }

    #[test]
    fn a_clock_set_back_blocks_nobody() {
        let mut rate = rate(1, Duration::from_secs(1));
        rate.take(at(0)).unwrap();
        let hour = 3_600_000_000_000;
        assert_eq!(rate.take(at(-hour)), Err(at(-hour + 1_000_000_000)));
    }

    #[test]
    fn no_period_is_no_rate() {
        assert!(Rate::new(NonZeroU32::MIN, Duration::ZERO).is_none());
    }

    proptest! {
        /// In no window of a period are there more than twice the count (a burst and a refill),
        /// and in no stretch more than the burst and what was refilled in it.
        #[test]
        fn never_more_than_burst_and_refill(
            count in 1u32..20,
            period in 1u64..1_000,
            steps in prop::collection::vec((0i64..200, any::<bool>()), 1..200),
        ) {
            let mut rate = rate(count, Duration::from_nanos(period));
            let (mut now, mut used) = (0, Vec::new());
            for (step, patient) in steps {
                now += step;
                let patience = if patient { Duration::from_nanos(500) } else { Duration::ZERO };
                match rate.reserve(at(now), patience) {
                    Ok(time) => used.push((time.as_nanosecond() - at(0).as_nanosecond()) as i64),
                    Err(time) => prop_assert!(time > at(now)),
                }
            }
            prop_assert!(used.is_sorted());
            for (i, from) in used.iter().enumerate() {
                for (j, to) in used.iter().enumerate().skip(i) {
                    let refilled = (to - from) as u64 * u64::from(count) / period;
                    prop_assert!((j - i + 1) as u64 <= u64::from(count) + refilled);
                }
            }
        }

        /// What `take` promises it keeps: nobody came in between, so there is a token at that time
        /// and none before.
        #[test]
        fn the_time_promised_is_exact(count in 1u32..20, period in 1u64..1_000, takes in 1usize..100) {
            let mut rate = rate(count, Duration::from_nanos(period));
            let mut now = at(0);
            for _ in 0..takes {
                if let Err(when) = rate.take(now) {
                    prop_assert!(rate.take(when - SignedDuration::from_nanos(1)).is_err());
                    now = when;
                    prop_assert!(rate.take(now).is_ok());
                }
            }
        }
    }
}
