//! The events of a feed that are still kept, in the order in which they were said, findable by
//! key.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use crate::bus::Offset;

/// Events that a feed keeps.
pub(super) const EVENTS: usize = 16_384;
/// Bytes of them.
pub(super) const BYTES: usize = 16 << 20;

/// An event, ready to be written; a clone shares its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Whom it is for.
    pub(super) key: Arc<str>,
    /// Where its record came from.
    pub(super) partition: i32,
    pub(super) offset: Offset,
    /// All that is written of it.
    pub(super) bytes: Bytes,
    /// Whether its readers get no other after it.
    pub(super) is_last: bool,
}

/// The newest events. Each has a number, from 0, without gaps.
#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<(Instant, Event)>,
    /// The number of the oldest.
    first: u64,
    bytes: usize,
    /// The numbers of each key's events, rising.
    by_key: HashMap<Arc<str>, VecDeque<u64>>,
    /// How long each is kept.
    keeps: Duration,
}

impl Ring {
    pub(super) fn new(keeps: Duration) -> Self {
        Self { events: VecDeque::new(), first: 0, bytes: 0, by_key: HashMap::new(), keeps }
    }

    /// The number of the oldest event that is kept, or of the next one.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    pub(super) fn push(&mut self, event: Event, now: Instant) {
        self.bytes += event.bytes.len();
        let number = self.end();
        self.by_key.entry(event.key.clone()).or_default().push_back(number);
        self.events.push_back((now, event));
    }

    /// The oldest event, if it is not to be kept any longer, with its number. To be asked until it
    /// is none.
    pub(super) fn shed(&mut self, now: Instant) -> Option<(u64, Event)> {
        let (at, oldest) = self.events.front()?;
        let is_full = self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1);
        if !is_full && now.duration_since(*at) <= self.keeps {
            return None;
        }
        if let Some(numbers) = self.by_key.get_mut(&oldest.key) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.by_key.remove(&oldest.key);
            }
        }
        let (_, event) = self.events.pop_front()?;
        let number = self.first;
        self.first += 1;
        self.bytes -= event.bytes.len();
        Some((number, event))
    }

    /// The first event of `key` whose number is at least `from`.
    pub(super) fn next_of(&self, key: &str, from: u64) -> Option<(u64, &Event)> {
        let numbers = self.by_key.get(key)?;
        let number = *numbers.get(numbers.partition_point(|number| *number < from))?;
        Some((number, self.get(number)?))
    }

    /// The newest event of `key`.
    pub(super) fn newest_of(&self, key: &str) -> Option<&Event> {
        self.get(*self.by_key.get(key)?.back()?)
    }

    fn get(&self, number: u64) -> Option<&Event> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.events.get(index).map(|(_, event)| event)
    }
}
