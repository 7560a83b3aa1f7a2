//! Which records of a partition are done, where nobody else knows it: the offset up to which all are
//! may be committed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::store::Offset;

/// Records that are under way, by offset.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// How many runs of each are not over.
    unfinished: BTreeMap<Offset, usize>,
    /// After the last record that has begun.
    end: Offset,
}

impl Window {
    /// A record begins so many runs. Offsets rise, and may leave some out.
    pub(super) fn begin(&mut self, offset: Offset, runs: usize) {
        self.unfinished.insert(offset, runs);
        self.end = offset + 1;
    }

    /// A run of a record is over, and so is the record with its last; tells before which offset all
    /// are.
    pub(super) fn finish(&mut self, offset: Offset) -> Offset {
        if let Entry::Occupied(mut left) = self.unfinished.entry(offset) {
            *left.get_mut() -= 1;
            if *left.get() == 0 {
                left.remove();
            }
        }
        self.unfinished.first_key_value().map_or(self.end, |(first, _)| *first)
    }

    /// How many are under way, counted from the first that is not done.
    pub(super) fn span(&self) -> Offset {
        self.unfinished.first_key_value().map_or(0, |(first, _)| self.end - first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn never_passes_what_is_under_way(
            gaps in prop::collection::vec(1..4_i64, 1..50),
            order in any::<prop::sample::Index>(),
            seed: u64,
        ) {
            let mut window = Window::default();
            let offsets: Vec<_> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut left: Vec<_> = offsets.clone();
            for offset in &offsets {
                window.begin(*offset, 1);
            }
            let mut at = order.index(left.len());
            while !left.is_empty() {
                at = (at.wrapping_mul(31).wrapping_add(seed as usize)) % left.len();
                let done = left.remove(at);
                let next = window.finish(done);
                let expected = left.first().copied().unwrap_or(offsets[offsets.len() - 1] + 1);
                prop_assert_eq!(next, expected);
            }
            prop_assert_eq!(window.span(), 0);
        }
    }
}
