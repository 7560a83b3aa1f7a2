//! How long things took, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds, in seconds: from what is answered at once to what takes a model an hour.
const BOUNDS: [f64; 19] = [
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
    3600.0,
    f64::INFINITY,
];

/// Durations by their size.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    /// In nanoseconds: they last for five hundred years.
    sum: AtomicU64,
}

/// What a histogram says at one moment.
#[derive(Debug)]
pub(crate) struct Counted {
    /// How many were no longer than each bound and longer than the one before.
    pub(crate) buckets: Vec<(f64, u64)>,
    /// Seconds.
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

impl Histogram {
    /// Adds one.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let index = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn counted(&self) -> Counted {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = BOUNDS.into_iter().zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.sum.load(Ordering::Relaxed)).as_secs_f64();
        Counted { buckets, sum, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_is_counted_once_below_the_first_bound_that_it_fits(
            micros in proptest::collection::vec(0_u64..10_000_000_000, 0..50)
        ) {
            let histogram = Histogram::default();
            micros.iter().for_each(|micros| histogram.observe(Duration::from_micros(*micros)));
            let counted = histogram.counted();
            prop_assert_eq!(counted.count, micros.len() as u64);
            let sum: f64 = micros.iter().map(|micros| *micros as f64 / 1e6).sum();
            prop_assert!((counted.sum - sum).abs() < 1e-3);
            let mut below = 0;
            for (bound, count) in counted.buckets {
                below += count;
                let fit = micros.iter().filter(|micros| Duration::from_micros(**micros).as_secs_f64() <= bound);
                prop_assert_eq!(below, fit.count() as u64, "{}", bound);
            }
        }
    }
}
