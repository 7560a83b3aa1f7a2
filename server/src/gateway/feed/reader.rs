//! Readers of a feed, by the key whose events they get: each is a place in the ring.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::Notify;

use super::mark;
use super::ring::{Event, Ring};
use crate::bus::Positions;

/// Events that are saved for a reader when the ring keeps them no longer.
pub(super) const SAVED: usize = 256;
/// Bytes of them.
pub(super) const SAVED_BYTES: usize = 1 << 20;

/// What a reader is to be told next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An event; whether it is the last one.
    Event(Bytes, bool),
    /// Events before the next one are kept no longer.
    Gap,
    /// Nothing yet.
    Nothing,
}

/// Where a reader stands.
#[derive(Debug)]
pub(super) struct Place {
    /// All before this number was told, or is saved.
    next: u64,
    /// Of records before this nothing is told; none: nothing before it will come any more.
    from: Option<Positions>,
    /// What the ring gave up before it was told.
    saved: VecDeque<Event>,
    saved_bytes: usize,
    has_gap: bool,
}

impl Place {
    /// A place at event `next`, for records from `from` on; `has_gap`: some that were to be told
    /// are kept no longer.
    pub(super) fn new(next: u64, from: Option<Positions>, has_gap: bool) -> Self {
        Self { next, from, saved: VecDeque::new(), saved_bytes: 0, has_gap }
    }

    fn wants(&self, event: &Event) -> bool {
        let from = self.from.as_ref().and_then(|from| from.get(&event.partition));
        from.is_none_or(|from| event.offset >= *from)
    }

    /// What comes next in `ring`, which the feed read up to `positions`.
    fn take(&mut self, key: &str, ring: &Ring, positions: &Positions) -> Next {
        if let Some(event) = self.saved.pop_front() {
            self.saved_bytes -= event.bytes.len();
            return Next::Event(event.bytes, event.is_last);
        }
        if std::mem::take(&mut self.has_gap) {
            return Next::Gap;
        }
        while let Some((number, event)) = ring.next_of(key, self.next) {
            self.next = number + 1;
            if self.wants(event) {
                return Next::Event(event.bytes.clone(), event.is_last);
            }
        }
        self.next = ring.end();
        self.from = self.from.take().filter(|from| !mark::reaches(positions, from));
        Next::Nothing
    }

    /// Saves an event that the ring gave up, if it was not told and there is room.
    fn save(&mut self, number: u64, event: &Event) {
        if number < self.next {
            return;
        }
        self.next = number + 1;
        if !self.wants(event) {
            return;
        }
        let size = event.bytes.len();
        let has_room = self.saved.len() < SAVED
            && (self.saved_bytes + size <= SAVED_BYTES || self.saved.is_empty())
            && !self.has_gap;
        if has_room {
            self.saved_bytes += size;
            self.saved.push_back(event.clone());
        } else {
            self.has_gap = true;
        }
    }
}

/// The readers of one key.
#[derive(Debug, Default)]
struct Group {
    /// Tells that there is something to take.
    bell: Arc<Notify>,
    places: HashMap<u64, Place>,
}

/// All readers of a feed.
#[derive(Debug, Default)]
pub(super) struct Readers {
    groups: HashMap<Arc<str>, Group>,
    /// The number of the next reader.
    number: u64,
    count: usize,
}

impl Readers {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds a reader of `key`; gives its number, and what tells it of events.
    pub(super) fn add(&mut self, key: &Arc<str>, place: Place) -> (u64, Arc<Notify>) {
        let number = self.number;
        self.number += 1;
        self.count += 1;
        let group = self.groups.entry(key.clone()).or_default();
        group.places.insert(number, place);
        (number, group.bell.clone())
    }

    pub(super) fn remove(&mut self, key: &str, number: u64) {
        let Some(group) = self.groups.get_mut(key) else { return };
        if group.places.remove(&number).is_some() {
            self.count -= 1;
        }
        if group.places.is_empty() {
            self.groups.remove(key);
        }
    }

    /// Tells the readers of `key`, and no others, that there is something to take.
    pub(super) fn wake(&self, key: &str) {
        if let Some(group) = self.groups.get(key) {
            group.bell.notify_waiters();
        }
    }

    /// Saves an event that the ring gave up for those of its readers who were not told of it.
    pub(super) fn save(&mut self, number: u64, event: &Event) {
        let Some(group) = self.groups.get_mut(&event.key) else { return };
        for place in group.places.values_mut() {
            place.save(number, event);
        }
    }

    pub(super) fn take(&mut self, key: &str, number: u64, ring: &Ring, positions: &Positions) -> Next {
        let place = self.groups.get_mut(key).and_then(|group| group.places.get_mut(&number));
        place.map_or(Next::Nothing, |place| place.take(key, ring, positions))
    }
}
