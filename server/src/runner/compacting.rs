//! Journals that have become long are compacted: the state of the run takes the place of the events
//! that led to it, so that a run that goes on for months keeps no more than what it is.
//!
//! That is tried after a commit, when the journal tells all that the VM knows. Ordinary runs never come
//! to it. Where a state is not much smaller than its journal, the next try waits until that has doubled.

use pathway_engine::journal::{Event, Kind, compacted};

use super::Admitted;
use super::actor::Actor;
use crate::store::{Append, NewEvent, StoreError};

/// Of the bytes that a run may have, how many its journal has before it is compacted: one in so many.
const SHARE: u64 = 8;
/// How many times as many bytes a journal has before it is tried again, where that did not help.
const LATER: u64 = 2;

/// When journals are compacted.
#[derive(Debug, Clone, Copy)]
pub struct Compacting {
    /// Once they have so many events, even if few bytes.
    pub events: u32,
    /// How many bytes what stands for a journal may have, in percent of those of the journal.
    pub percent: u64,
}

impl Default for Compacting {
    fn default() -> Self {
        Self { events: 10_000, percent: 50 }
    }
}

/// How large a journal is, but for how the run started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journal {
    /// Events that are in it.
    pub(super) events: u32,
    bytes: u64,
    /// With how many bytes it may be worth while.
    from: u64,
}

impl Compacting {
    /// From which size on it may be worth while again that a state of so many bytes is written anew.
    fn again(self, state: u64) -> u64 {
        state.saturating_mul(100).checked_div(self.percent).unwrap_or(u64::MAX)
    }

    /// How many bytes a state may have.
    fn most(self, journal: u64) -> usize {
        usize::try_from(journal.saturating_mul(self.percent) / 100).unwrap_or(usize::MAX)
    }
}

impl Journal {
    /// That of a run that was just admitted or read.
    pub(super) fn of(run: &Admitted, when: Compacting) -> Self {
        let state = compacted(&run.events).map_or(0, |compacted| compacted.state.len());
        let events = u32::try_from(run.events.len()).unwrap_or(u32::MAX);
        let state = u64::try_from(state).unwrap_or(u64::MAX);
        Self { events, bytes: run.kept, from: when.again(state) }
    }

    /// An event is added to it.
    pub(super) fn add(&mut self, bytes: usize) {
        self.events = self.events.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl Actor {
    /// Compacts the journal, if that is worth while and all that happened is committed.
    pub(super) async fn compact(&mut self) -> Result<(), StoreError> {
        let when = self.inner.compacting;
        let Journal { events, bytes, from } = self.journal;
        if events < when.events && bytes < self.largest() / SHARE {
            return Ok(());
        }
        if bytes < from || !self.plan().has_journal() || !self.change.is_empty() {
            return Ok(());
        }
        let Some(event) = self.compacted(when.most(bytes)) else {
            self.journal.from = bytes.saturating_mul(LATER);
            return Ok(());
        };
        let size = u64::try_from(event.payload.len()).unwrap_or(u64::MAX);
        let change = Append {
            proof: self.run.proof(),
            events: vec![event],
            compacts: true,
            ..Append::new(self.run.id, self.seq)
        };
        self.inner.store.append(change).await?;
        tracing::debug!(
            run = self.run.public_id,
            events = self.seq,
            bytes,
            size,
            "its journal was compacted"
        );
        self.seq = self.seq.saturating_add(1);
        self.run.kept = self.run.kept.saturating_sub(bytes).saturating_add(size);
        // How it started, and what stands for the rest.
        self.journal = Journal { events: 2, bytes: size, from: when.again(size) };
        Ok(())
    }

    /// The event that stands for all before it; none: the run cannot be compacted, or not to so few bytes.
    fn compacted(&self, most: usize) -> Option<NewEvent> {
        let compacted = self.vm.compacted(self.run.events.first()?, self.seq, most)?;
        let event = Event { at: self.inner.clock.now(), kind: Kind::Compacted(Box::new(compacted)) };
        let payload = self.inner.encode(&self.run.plan, &self.run.public_id, &event);
        (!payload.is_empty() && payload.len() <= most).then_some(NewEvent { kind: event.name(), payload })
    }
}
