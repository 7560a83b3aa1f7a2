//! What an expression sees while it is evaluated.

use serde::{Deserialize, Serialize};

use crate::Value;

/// Where the value of a name is found. `up` counts enclosing blocks: 0 is the innermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// `input`
    Input,
    /// `vars.NAME`: the pathway's first, then the project's.
    Var(u32),
    /// `auth`
    Auth,
    /// `run`
    Run,
    /// `steps.NAME`: the output of step `index` of the block that is `up` levels out.
    Step {
        /// Blocks outwards.
        up: u32,
        /// Index in that block.
        index: u32,
    },
    /// `item`, or what `as` calls it.
    Item {
        /// Steps outwards.
        up: u32,
    },
    /// `index`
    Index {
        /// Steps outwards.
        up: u32,
    },
    /// `last`
    Last {
        /// Steps outwards.
        up: u32,
    },
    /// `error`
    Error {
        /// Steps outwards.
        up: u32,
    },
    /// A bare name of the `set` being computed, or a variable of a template's loop.
    Local(u32),
    /// `chunk`
    Chunk,
    /// `emitted`
    Emitted,
    /// `scheduled_at`
    ScheduledAt,
    /// `record`
    Record,
    /// `query`
    Query,
    /// A name that has no value there: none.
    Nothing,
}

/// Microseconds since 1970-01-01T00:00Z.
pub type Now = jiff::Timestamp;

/// The values of slots during one evaluation.
pub trait Scope {
    /// The value in `slot`; none where it has not been set.
    fn get(&self, slot: Slot) -> Value;

    /// What `now()` yields: the time of the event that the step follows.
    fn now(&self) -> Now;

    /// What the `n`th call of `uuid()` in this evaluation yields; equal on replay.
    fn uuid(&self, n: u32) -> String;
}
