//! Chance, from a seed: splitmix64, which is small and the same everywhere.

use std::ops::Range;

/// A source of chance. Each part of a world has its own, so that one that draws more often does not
/// change what happens to the others.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The part of `seed` that is called `name`.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mut random = Self(seed);
        for byte in name.bytes() {
            random.0 = random.next() ^ u64::from(byte);
        }
        random
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of a range, which is not empty.
    pub(crate) fn range(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// An index below `length`.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        (self.next() % length as u64) as usize
    }

    /// Whether something happens that happens so often in ten thousand times.
    pub(crate) fn happens(&mut self, in_ten_thousand: u32) -> bool {
        self.next() % 10_000 < u64::from(in_ten_thousand)
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { Some(&from[self.below(from.len())]) }
    }
}
