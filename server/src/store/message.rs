//! How processes reach the owner of a run: with messages, which are there until they are received.
//!
//! They are read in order, and from where reading was left. Where several processes write to a store, one
//! may be committed after another that has a higher number: so each bears the number of the change that left
//! it, and whoever reads is told which changes are still under way.

use super::{Home, Millis, RunId};

/// A place in the order of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The change that left a message; 0 where changes are made one after the other.
    pub(super) change: i64,
    /// The message.
    pub(super) id: i64,
}

impl Mark {
    /// Before all.
    pub const START: Self = Self { change: 0, id: 0 };
    /// After all.
    pub const END: Self = Self { change: i64::MAX, id: i64::MAX };
}

/// Something to tell a run, of whoever is not its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// For which run.
    pub run: RunId,
    /// When it is left.
    pub at: Millis,
    /// Whether it is left for a run that is finished, too.
    pub even_if_finished: bool,
    /// What.
    pub payload: Vec<u8>,
}

/// Something that a run is told by whoever is not its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// By which it is known; never used twice.
    pub id: i64,
    /// The change that left it.
    pub(super) change: i64,
    /// To which run.
    pub run: RunId,
    /// Its public id.
    pub public_id: String,
    /// Where the run belongs to; none: to the only process.
    pub home: Option<Home>,
    /// When it was left.
    pub at: Millis,
    /// What.
    pub payload: Vec<u8>,
}

impl Message {
    /// Its place.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark { change: self.change, id: self.id }
    }
}

/// How much is read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Messages.
    pub messages: u32,
    /// What they say, in bytes: once it is so much, no more is read.
    pub bytes: usize,
}

impl Most {
    /// So many messages, however large.
    #[must_use]
    pub const fn messages(messages: u32) -> Self {
        Self { messages, bytes: usize::MAX }
    }

    /// Whether there may be more than what was read with this.
    #[must_use]
    pub fn is_reached(self, read: &[Message]) -> bool {
        read.len() >= self.messages as usize || bytes(read) >= self.bytes
    }

    /// Tells of one message after another whether it is read together with those before.
    pub(super) fn fits(self) -> impl FnMut(&Message) -> bool {
        let (mut messages, mut bytes) = (0_u32, 0_usize);
        move |message| {
            let fits = messages < self.messages && bytes < self.bytes;
            messages = messages.saturating_add(1);
            bytes = bytes.saturating_add(message.payload.len());
            fits
        }
    }

    /// The first of them, as many as are read together.
    pub(super) fn of(self, messages: impl IntoIterator<Item = Message>) -> Vec<Message> {
        messages.into_iter().take_while(self.fits()).collect()
    }
}

/// What messages say, in bytes.
fn bytes(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.payload.len()).sum()
}

/// Messages that were read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In order.
    pub messages: Vec<Message>,
    /// Before here nothing more comes.
    pub settled: Mark,
}

/// What no run has received yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unreceived {
    /// How many messages.
    pub messages: u64,
    /// When the oldest of them was left.
    pub oldest: Option<Millis>,
}
