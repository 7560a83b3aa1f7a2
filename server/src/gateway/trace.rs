//! The trace that a request is part of (W3C Trace Context), which goes on in the run.

use axum::http::{HeaderMap, HeaderName};

use crate::trace::{TRACEPARENT, TraceContext};

const STATE: &str = "tracestate";
/// Bytes of `tracestate`.
const LONGEST_STATE: usize = 512;

/// As headers of a record; none where there is no trace, or none that can be understood.
pub(super) fn headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let one = |name: &'static str| {
        let mut given = headers.get_all(HeaderName::from_static(name)).iter();
        given.next()?.to_str().ok().filter(|_| given.next().is_none()).map(str::trim)
    };
    let Some(parent) = one(TRACEPARENT).filter(|parent| TraceContext::parse(parent).is_some()) else {
        return Vec::new();
    };
    let state = one(STATE).filter(|state| !state.is_empty() && state.len() <= LONGEST_STATE);
    let state = state.map(|state| (STATE.to_owned(), state.as_bytes().to_vec()));
    [(TRACEPARENT.to_owned(), parent.as_bytes().to_vec())].into_iter().chain(state).collect()
}
