//! What the VM asks the outside to do.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::Value;
use crate::document::Retry;
use crate::expression::{Expression, Now};
use crate::journal::Signal;

/// One execution of a step inside a run: the step's path with the attempt number of each
/// enclosing retried block (`#2`), the iteration of each `each` (`[3]`) and `while` (`~4`), and
/// a `!` where an `on_error` was entered; not the step's own attempt. Its hash with the run's id
/// is the `Idempotency-Key`. With a `?` at the end it is the claim of the step's `once`.
pub type Instance = Arc<str>;

/// HTTP methods that a step may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Nothing.
    Empty,
    /// `application/json`
    Json(Value),
    /// `application/x-www-form-urlencoded`
    Form(Vec<(String, String)>),
    /// `multipart/form-data`
    Multipart(Vec<(String, String)>),
    /// As it is; `text/plain` unless a header says otherwise.
    Text(String),
}

/// How a response's body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parse {
    /// JSON where the content type says so, else text.
    Auto,
    /// JSON.
    Json,
    /// Text.
    Text,
    /// Server-sent events, as they arrive.
    Sse,
    /// Lines, as they arrive.
    Lines,
    /// Bytes, as base64.
    Bytes,
}

/// What happens to the pieces of a streamed response.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Reads `chunk`; pieces for which it is none are skipped.
    pub pick: Option<Arc<Expression>>,
    /// Whether what was picked goes to the caller as it arrives.
    pub emit: bool,
}

/// A request to a service, complete but for the service's own URL and headers, which are read
/// when it is sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The service's name in the project file.
    pub service: Arc<str>,
    /// Method.
    pub method: Method,
    /// Appended to the path of the service's URL; percent-encoded; begins with `/` or is empty.
    pub path: String,
    /// Appended to the query of the service's URL; not yet encoded.
    pub query: Vec<(String, String)>,
    /// Beside the service's; the step's win.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Body,
    /// Statuses that are answers although they are not 2xx.
    pub accept: Vec<u16>,
    /// How the answer's body is read.
    pub parse: Parse,
    /// Of a streamed response.
    pub stream: Stream,
    /// Of this attempt; none: the service's.
    pub timeout: Option<Duration>,
}

/// What the VM asks the outside to do, once per attempt.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Call a service; answered by `Performed` with `{status, headers, body}`, of a stream also
    /// `text` and `chunks`.
    Http {
        /// Which execution of which step.
        instance: Instance,
        /// 1, 2, …
        attempt: u32,
        /// What to send.
        request: Arc<HttpRequest>,
        /// Record that it is begun before it is; an unknown outcome is then an outage.
        at_most_once: bool,
        /// When a failed attempt is made again; none: never.
        retry: Option<Arc<Retry>>,
    },
    /// Put a record on a topic; answered by `Performed` with `{id}`.
    Publish {
        /// Which execution of which step.
        instance: Instance,
        /// 1, 2, …
        attempt: u32,
        /// Logical topic.
        topic: Arc<str>,
        /// Record key.
        key: Option<String>,
        /// Record value.
        value: Value,
        /// Record headers.
        headers: Vec<(String, String)>,
    },
    /// Tell whoever listens to the run; answered by `Performed` with the value.
    Emit {
        /// Which execution of which step.
        instance: Instance,
        /// 1, 2, …
        attempt: u32,
        /// What to tell.
        value: Value,
    },
    /// Run another pathway; answered by `Performed` with its return.
    Child {
        /// Which execution of which step.
        instance: Instance,
        /// 1, 2, …
        attempt: u32,
        /// Its name.
        pathway: Arc<str>,
        /// Its input.
        input: Value,
    },
    /// Wait for a signal; answered by `Signalled`.
    Await {
        /// Which execution of which step.
        instance: Instance,
        /// 1, 2, …
        attempt: u32,
        /// The signal's name.
        name: String,
        /// The subject who may send it; none: anyone who may see the run.
        from: Option<String>,
    },
    /// Claim what a step with `once` does, for its key, of all runs of the pathway; answered by
    /// `Performed` with a [`super::ClaimAnswer`], once nobody has it who is not finished.
    Claim {
        /// Which execution of which step, with a `?`.
        instance: Instance,
        /// 1, 2, …
        attempt: u32,
        /// The path of the step.
        step: Arc<str>,
        /// The key.
        key: Arc<str>,
    },
    /// Be over with a claim, in the commit that records why.
    Release {
        /// What asked for it.
        instance: Instance,
        /// The path of the step.
        step: Arc<str>,
        /// The key.
        key: Arc<str>,
        /// Whether it is done; else others may do it.
        done: bool,
    },
    /// Wake the run at a time; answered by `Fired`.
    Timer {
        /// Its number in this run.
        timer: u64,
        /// When, at the earliest.
        at: Now,
        /// From when on time is to pass until then; none: it is a time of the calendar.
        since: Option<Now>,
    },
    /// The effect of this instance is no longer wanted: stop it and give its slots back.
    Abandon {
        /// Which.
        instance: Instance,
    },
    /// The run is over; nothing of it is in flight.
    Ended {
        /// How.
        outcome: Result<Value, Failure>,
    },
}

impl Effect {
    /// Which execution of which step asks for it.
    #[must_use]
    pub fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Http { instance, .. }
            | Self::Publish { instance, .. }
            | Self::Emit { instance, .. }
            | Self::Child { instance, .. }
            | Self::Await { instance, .. }
            | Self::Claim { instance, .. }
            | Self::Abandon { instance } => Some(instance),
            Self::Release { .. } | Self::Timer { .. } | Self::Ended { .. } => None,
        }
    }

    /// Which attempt of that execution.
    #[must_use]
    pub fn attempt(&self) -> Option<u32> {
        match self {
            Self::Http { attempt, .. }
            | Self::Publish { attempt, .. }
            | Self::Emit { attempt, .. }
            | Self::Child { attempt, .. }
            | Self::Await { attempt, .. }
            | Self::Claim { attempt, .. } => Some(*attempt),
            Self::Release { .. } | Self::Abandon { .. } | Self::Timer { .. } | Self::Ended { .. } => None,
        }
    }

    /// Whether it waits for this signal.
    pub(super) fn admits(&self, signal: &Signal) -> bool {
        match self {
            Self::Await { name, from, .. } => {
                *name == signal.name && (from.is_none() || *from == signal.from)
            }
            _ => false,
        }
    }
}
