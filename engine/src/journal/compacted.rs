//! A journal whose first events were compacted.

use serde::{Deserialize, Serialize};

use super::{Event, Kind};

/// Stands for all events before it but the first, which tells how the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// How many events were before it, with the first: its place in the journal.
    pub events: u32,
    /// How often the run had been redriven.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub redriven: u32,
    /// How `state` is written.
    pub format: u32,
    /// All that the run is from here on, with what its steps came to; read by the VM only.
    pub state: String,
}

/// What the first events of a journal were compacted to, if they were.
#[must_use]
pub fn compacted(events: &[Event]) -> Option<&Compacted> {
    match &events.get(1)?.kind {
        Kind::Compacted(compacted) => Some(compacted),
        _ => None,
    }
}

/// Events with their places in the journal.
pub fn placed(events: &[Event]) -> impl Iterator<Item = (usize, &Event)> {
    let skipped = skipped(events);
    events.iter().enumerate().map(move |(n, event)| (if n == 0 { 0 } else { n + skipped }, event))
}

/// The place of the event that comes next.
#[must_use]
pub fn next_place(events: &[Event]) -> usize {
    events.len() + skipped(events)
}

/// How many events are not there any more.
fn skipped(events: &[Event]) -> usize {
    compacted(events).map_or(0, |compacted| (compacted.events as usize).saturating_sub(1))
}
