//! What is kept of a feed, and who reads it where. Nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::mark;
use super::reader::{Next, Place, Readers};
use super::ring::{Event, Ring};
use crate::bus::Positions;

/// The events of a feed, and its readers.
#[derive(Debug)]
pub(super) struct Shelf {
    ring: Ring,
    readers: Readers,
    /// Up to where the topic was read.
    positions: Positions,
    /// Where the topic ended when it began to be read.
    end: Positions,
    /// Events of records before this are kept no longer.
    floor: Positions,
}

impl Shelf {
    /// Empty; each event is kept for `keeps`, if there is room.
    pub(super) fn new(keeps: Duration) -> Self {
        Self {
            ring: Ring::new(keeps),
            readers: Readers::default(),
            positions: Positions::new(),
            end: Positions::new(),
            floor: Positions::new(),
        }
    }

    /// From here on the topic is read: it begins at `begin`, and what is new is from `end` on.
    pub(super) fn settle(&mut self, begin: &Positions, end: &Positions) {
        self.positions.extend(begin);
        self.end.clone_from(end);
        for (partition, offset) in begin {
            self.floor.entry(*partition).or_insert(*offset);
        }
    }

    /// Up to where the topic was read.
    pub(super) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The topic was read up to here.
    pub(super) fn advance(&mut self, positions: Positions) {
        self.positions = positions;
    }

    pub(super) fn readers(&self) -> usize {
        self.readers.count()
    }

    /// Puts an event there and tells its readers.
    pub(super) fn put(&mut self, event: Event) {
        let key = event.key.clone();
        self.ring.push(event, Instant::now());
        self.shed();
        self.readers.wake(&key);
    }

    /// Lets go of what is to be kept no longer.
    fn shed(&mut self) {
        let now = Instant::now();
        while let Some((number, event)) = self.ring.shed(now) {
            self.readers.save(number, &event);
            self.floor.insert(event.partition, event.offset + 1);
        }
    }

    /// Whether who saw all before `seen` was told the last event of `key`.
    pub(super) fn is_over(&self, key: &str, seen: &Positions) -> bool {
        let newest = self.ring.newest_of(key).filter(|event| event.is_last);
        mark::reaches(&self.positions, seen)
            && newest.is_some_and(|event| seen.get(&event.partition).is_some_and(|next| *next > event.offset))
    }

    /// Adds a reader of the events of `key`: after those that were `seen`, as far as they are kept;
    /// else, and where that cannot be, of records that are new. Gives its number, and what tells it
    /// of events.
    pub(super) fn join(&mut self, key: &Arc<str>, seen: Option<Positions>) -> (u64, Arc<Notify>) {
        self.shed();
        let mut now = self.end.clone();
        mark::advance(&mut now, &self.positions);
        let place = match seen.filter(|seen| mark::reaches(&now, seen)) {
            Some(seen) => {
                let has_gap = seen.iter().any(|(n, from)| self.floor.get(n).is_some_and(|kept| from < kept));
                Place::new(self.ring.first(), Some(seen), has_gap)
            }
            None => {
                let is_behind = !mark::reaches(&self.positions, &now);
                Place::new(self.ring.end(), is_behind.then_some(now), false)
            }
        };
        self.readers.add(key, place)
    }

    /// What a reader is to be told next.
    pub(super) fn take(&mut self, key: &str, number: u64) -> Next {
        self.readers.take(key, number, &self.ring, &self.positions)
    }

    pub(super) fn leave(&mut self, key: &str, number: u64) {
        self.readers.remove(key, number);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use proptest::prelude::*;

    use super::super::reader::{SAVED, SAVED_BYTES};
    use super::super::ring::EVENTS;
    use super::*;

    const KEYS: [&str; 3] = ["a", "b", "c"];

    #[derive(Debug, Clone)]
    enum Act {
        /// So many events of a key, from a partition, of a size.
        Put(usize, i32, usize, usize),
        /// A reader of a key joins at the place after the event with this number, or at the end.
        Join(usize, Option<prop::sample::Index>),
        Take(prop::sample::Index, usize),
        Leave(prop::sample::Index),
        /// Seconds go by.
        Pass(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0..KEYS.len(), 0..2, 1usize..200, 0usize..20_000)
                .prop_map(|(key, partition, count, size)| Act::Put(key, partition, count, size)),
            3 => (0..KEYS.len(), any::<Option<prop::sample::Index>>()).prop_map(|(key, at)| Act::Join(key, at)),
            3 => (any::<prop::sample::Index>(), 1usize..400).prop_map(|(who, most)| Act::Take(who, most)),
            1 => any::<prop::sample::Index>().prop_map(Act::Leave),
            1 => (0u64..20).prop_map(Act::Pass),
        ]
    }

    /// An event as it was put, with the place after it.
    #[derive(Clone)]
    struct Told {
        key: usize,
        number: usize,
        after: Positions,
    }

    struct Reader {
        key: usize,
        number: u64,
        /// What it has yet to be told, oldest first.
        left: std::collections::VecDeque<usize>,
        /// Whether it may hear of a gap that is none of its own.
        was_away: bool,
        /// Whether it was told of one that came before the next event.
        has_gap: bool,
    }

    struct Model {
        shelf: Shelf,
        told: Vec<Told>,
        offsets: Positions,
        readers: Vec<Reader>,
    }

    impl Model {
        fn put(&mut self, key: usize, partition: i32, size: usize) {
            let offset = self.offsets[&partition];
            let number = self.told.len();
            self.offsets.insert(partition, offset + 1);
            self.shelf.advance(self.offsets.clone());
            self.shelf.put(Event {
                key: KEYS[key].into(),
                partition,
                offset,
                bytes: Bytes::from(format!("{number} {}", "x".repeat(size))),
                is_last: false,
            });
            self.told.push(Told { key, number, after: self.offsets.clone() });
            for reader in self.readers.iter_mut().filter(|reader| reader.key == key) {
                reader.left.push_back(number);
            }
        }

        fn join(&mut self, key: usize, at: Option<prop::sample::Index>) {
            let seen = at.filter(|_| !self.told.is_empty()).map(|at| at.get(&self.told).clone());
            let (number, _) =
                self.shelf.join(&KEYS[key].into(), seen.as_ref().map(|seen| seen.after.clone()));
            let left = match &seen {
                Some(seen) => {
                    let after = self.told.iter().skip(seen.number + 1);
                    after.filter(|told| told.key == key).map(|told| told.number).collect()
                }
                None => [].into(),
            };
            self.readers.push(Reader { key, number, left, was_away: seen.is_some(), has_gap: false });
        }

        /// Takes up to `most` events; tells whether there were no more.
        fn take(&mut self, reader: usize, most: usize) -> bool {
            let reader = &mut self.readers[reader];
            for _ in 0..most {
                match self.shelf.take(KEYS[reader.key], reader.number) {
                    Next::Event(bytes, _) => {
                        let text = std::str::from_utf8(&bytes).unwrap();
                        let number: usize = text.split_once(' ').unwrap().0.parse().unwrap();
                        let passed = reader.left.iter().take_while(|left| **left < number).count();
                        assert!(passed == 0 || reader.has_gap, "{passed} events before {number} are missing");
                        reader.left.drain(..passed);
                        assert_eq!(reader.left.pop_front(), Some(number), "not for it, or told twice");
                        reader.has_gap = false;
                    }
                    Next::Gap => {
                        assert!(!reader.left.is_empty() || reader.was_away, "nothing is missing");
                        reader.has_gap = true;
                    }
                    Next::Nothing => {
                        assert!(reader.left.is_empty() || reader.has_gap, "{:?} were not told", reader.left);
                        reader.left.clear();
                        reader.has_gap = false;
                        return true;
                    }
                }
            }
            false
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Every reader is told each event for it once and in order, or that some are missing.
        #[test]
        fn what_a_reader_is_told_is_whole_or_said_not_to_be(acts in prop::collection::vec(act(), 1..60)) {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
                let offsets = Positions::from([(0, 5), (1, 0)]);
                let mut shelf = Shelf::new(Duration::from_secs(30));
                shelf.settle(&offsets, &offsets);
                let mut model = Model { shelf, told: Vec::new(), offsets, readers: Vec::new() };
                for act in acts {
                    match act {
                        Act::Put(key, partition, count, size) => {
                            (0..count).for_each(|_| model.put(key, partition, size));
                        }
                        Act::Join(key, at) => model.join(key, at),
                        Act::Take(who, most) if !model.readers.is_empty() => {
                            let who = who.index(model.readers.len());
                            model.take(who, most);
                        }
                        Act::Leave(who) if !model.readers.is_empty() => {
                            let gone = model.readers.swap_remove(who.index(model.readers.len()));
                            model.shelf.leave(KEYS[gone.key], gone.number);
                        }
                        Act::Take(..) | Act::Leave(_) => {}
                        Act::Pass(seconds) => tokio::time::advance(Duration::from_secs(seconds)).await,
                    }
                }
                for reader in 0..model.readers.len() {
                    assert!(model.take(reader, usize::MAX));
                }
                assert_eq!(model.shelf.readers(), model.readers.len());
            });
        }
    }

    fn event(offset: i64, size: usize) -> Event {
        let bytes = Bytes::from(vec![b'x'; size]);
        Event { key: "a".into(), partition: 0, offset, bytes, is_last: false }
    }

    /// A reader that takes nothing holds a bounded part of what went by.
    #[tokio::test]
    async fn a_reader_that_takes_nothing_costs_little() {
        for (size, most) in [(10, SAVED), (SAVED_BYTES / 10, 10), (SAVED_BYTES * 2, 1)] {
            let mut shelf = Shelf::new(Duration::from_secs(60));
            shelf.settle(&Positions::from([(0, 0)]), &Positions::from([(0, 0)]));
            let (reader, _) = shelf.join(&"a".into(), None);
            let count = i64::try_from(EVENTS + 2 * SAVED).unwrap();
            (0..count).for_each(|offset| shelf.put(event(offset, size)));
            let mut before_gap = 0;
            while let Next::Event(..) = shelf.take("a", reader) {
                before_gap += 1;
            }
            assert_eq!(before_gap, most, "events of {size} bytes");
        }
    }
}
