//! Choices that look random and can be made again: all of them follow from a seed.

use std::ops::Range;
use std::time::Duration;

/// The variable that gives the seed.
const SEED: &str = "PATHWAY_SEED";

/// A sequence of choices.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The choices of the seed in `PATHWAY_SEED`, or else of a new one; which one is said.
    ///
    /// # Panics
    /// If the variable holds no number.
    #[must_use]
    pub fn given_or_new() -> Self {
        let seed = match std::env::var(SEED).map(|seed| seed.parse()) {
            Ok(Ok(seed)) => seed,
            Ok(Err(_)) => panic!("{SEED} is no number"),
            // A number that differs from one process to the next.
            Err(_) => u64::from(std::process::id()) ^ jiff::Timestamp::now().as_nanosecond() as u64,
        };
        println!("{SEED}={seed}");
        Self(seed)
    }

    /// Another sequence, which depends on this one and on nothing else.
    #[must_use]
    pub fn another(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A time from there.
    pub fn time(&mut self, from: Range<Duration>) -> Duration {
        let span = from.end.saturating_sub(from.start).as_micros();
        from.start + Duration::from_micros(self.below(u64::try_from(span).unwrap_or(u64::MAX)))
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        match choices.get(at) {
            Some(choice) => choice,
            None => panic!("there is nothing to choose from"),
        }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
