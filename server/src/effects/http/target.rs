//! What the runner knows and a request does not: the service, the attempt, the limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use pathway_engine::expression::Now;

use super::ServiceUrl;

/// A service, ready to be called: its headers are rendered, its secrets read.
#[derive(Clone)]
pub struct Target {
    /// Scheme, host and port of every request; its path and query come before the step's.
    pub url: Arc<ServiceUrl>,
    /// The service's headers; the step's win.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Of an attempt, where the request has none of its own.
    pub timeout: Duration,
    /// Whether it is called with the caller's own token, so that what it says about the request
    /// is about the caller.
    pub as_caller: bool,
    /// How much it may answer.
    pub limits: Limits,
}

/// How much a service may answer, and how long it may pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of a line of a stream.
    pub line: usize,
    /// Bytes of the data of one server-sent event.
    pub event: usize,
    /// Pieces that are kept of a stream.
    pub pieces: usize,
    /// Between the bytes of a stream, once it has begun.
    pub idle: Duration,
}

/// What belongs to one attempt rather than to its request.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Equal over all attempts of one execution of the step.
    pub idempotency_key: &'a str,
    /// W3C trace context.
    pub traceparent: Option<&'a str>,
    /// What `now()` is in `pick`.
    pub now: Now,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self { body: 16 * MIB, line: MIB, event: 4 * MIB, pieces: 100_000, idle: Duration::from_secs(60) }
    }
}

/// Says neither URL nor headers: both may hold secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("timeout", &self.timeout)
            .field("as_caller", &self.as_caller)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
