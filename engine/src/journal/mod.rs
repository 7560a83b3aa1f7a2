//! The events of a run: all that the VM is told, and so all that cannot be recomputed.
//!
//! A run's state is the fold of its events. They are stored as JSON; fields are added, never
//! changed, and a new meaning of an old one raises [`SEMANTICS`].

mod compacted;
mod rerun;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::expression::Now;
use crate::value::Json;
use crate::vm::{Failure, RequestHash};

pub use compacted::{Compacted, compacted, next_place, placed};
pub use rerun::{Kept, Rerun};

/// Raised whenever an expression, a filter or the scheduling of steps comes out differently: an
/// engine leaves runs that began under another number alone.
pub const SEMANTICS: u32 = 1;

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Now,
    /// What.
    pub kind: Kind,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It began.
    Started(Started),
    /// An effect whose step says `at_most_once` is about to be performed.
    Sent {
        /// Which execution of which step.
        instance: Arc<str>,
        /// Which attempt.
        attempt: u32,
    },
    /// An effect was performed, or could not be.
    Performed(Performed),
    /// A timer came due.
    Fired {
        /// Its number.
        timer: u64,
    },
    /// A signal came.
    Signalled(Signal),
    /// Somebody, or a deadline, called it off.
    Cancelled {
        /// Why.
        reason: Failure,
    },
    /// Somebody let it go on where it failed. What followed on its failure counts no more.
    Redriven {
        /// The event with which it failed: its place in the journal. That of this one: it was parked
        /// without having failed.
        end: u32,
        /// Whether that event is undone, as a failed call is, which is made again; else it stays,
        /// and what failed because of it is tried again.
        undo: bool,
        /// The definition that it goes on with, where that is another one than before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        onto: Option<Box<Onto>>,
    },
    /// What happened before was compacted: the journal goes on from the state to which that had led.
    Compacted(Box<Compacted>),
}

/// The beginning of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The run's public id, a UUID.
    pub run: Arc<str>,
    /// Its input, as it was given.
    pub input: Json,
    /// Who asked; none: nobody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// What jitter is drawn from; 0: there is none.
    pub seed: u64,
    /// [`SEMANTICS`] of the engine that began it.
    pub semantics: u32,
    /// 1, and one more for each redrive.
    #[serde(default = "one")]
    pub attempt: u32,
    /// How many pathways called each other to get here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// Who called it through a door, and their token, sealed; opened by the server only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// The place in a trace that it belongs to, as a `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Why it cannot run at all: what was to start it could not be read, or may not start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Failure>,
    /// The HTTP door's caller, of a run that came through one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The run that it runs again, and what it keeps of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Box<Rerun>>,
}

/// Whoever waits at an HTTP door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// When they give up: a run that has not begun by then does not begin. None: they do not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Now>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn one() -> u32 {
    1
}

/// Who asked: what `auth` is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Principal {
    /// Subject.
    pub sub: String,
    /// Role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The claims of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
    /// Whether a token came along, with which services can be called as the user.
    #[serde(default)]
    pub has_token: bool,
}

impl Principal {
    /// What `auth` is bound to.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::from_pairs([
            ("sub", Value::from(self.sub.as_str())),
            ("role", self.role.as_deref().map_or(Value::from(()), Value::from)),
            ("claims", self.claims.clone().unwrap_or_else(|| Value::from(()))),
            ("has_token", Value::from(self.has_token)),
        ])
    }
}

/// Another definition that a run goes on with. All that counts of its journal happens by that one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Onto {
    /// Its digest.
    pub definition: Arc<str>,
    /// The execution of a step that failed and begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// How many attempts that had.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// What happened to it, which counts no more: places in the journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<u32>,
}

/// An effect was performed, or could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Performed {
    /// Which execution of which step.
    pub instance: Arc<str>,
    /// Which attempt.
    pub attempt: u32,
    /// Hash of the request, to know on replay that it is still the same.
    pub request: RequestHash,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the caller was already told a part of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emitted: bool,
    /// For how many milliseconds it was performed, once it had its turn; none: that was not measured.
    /// Nothing that a run does depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer.
    Answer(Value),
    /// Why there is none.
    Failure(Failure),
}

/// A signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Its name.
    pub name: String,
    /// What came with it.
    pub payload: Value,
    /// The subject who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// By what it is the same as another of its sender, which counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Event {
    /// The event as it is stored.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// An event that was stored.
    ///
    /// # Errors
    /// Not an event, or one of a later version.
    pub fn decode(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// A short name of its kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Started(_) => "started",
            Kind::Sent { .. } => "sent",
            Kind::Performed(_) => "performed",
            Kind::Fired { .. } => "fired",
            Kind::Signalled(_) => "signalled",
            Kind::Cancelled { .. } => "cancelled",
            Kind::Redriven { .. } => "redriven",
            Kind::Compacted(_) => "compacted",
        }
    }
}
