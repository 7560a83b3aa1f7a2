//! Server-sent events: how each is written, and the ids by which a stream is read again.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _};

/// The header of a client that has read a stream before.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The place of an event in the stream of a run: attempt and sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventId(pub(super) u32, pub(super) u32);

impl EventId {
    /// The one that a reader saw last; none where it saw none, or none of ours.
    pub(super) fn last_seen(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(LAST_EVENT_ID)?.to_str().ok()?;
        let (attempt, seq) = text.trim().split_once('.')?;
        Some(Self(attempt.parse().ok()?, seq.parse().ok()?))
    }

    /// The next id of the same attempt.
    pub(super) const fn next(self) -> Self {
        Self(self.0, self.1.saturating_add(1))
    }
}

/// What comes before an id.
pub(super) const fn before(id: EventId) -> Option<(u32, u32)> {
    match id {
        EventId(attempt, 0) => match attempt.checked_sub(1) {
            Some(attempt) => Some((attempt, u32::MAX)),
            None => None,
        },
        EventId(attempt, seq) => Some((attempt, seq - 1)),
    }
}

/// A data event: it has no name, so that every kind of client takes it as a message.
pub(super) fn data(id: EventId, json: &str) -> Bytes {
    Bytes::from(format!("id: {}.{}\ndata: {json}\n\n", id.0, id.1))
}

/// What came before is void: the step begins again.
pub(super) fn reset(id: EventId) -> Bytes {
    Bytes::from(format!("id: {}.{}\nevent: reset\ndata: {{}}\n\n", id.0, id.1))
}

/// The caller is no longer known: the client may open the stream again with a new token.
pub(super) fn reauth() -> Bytes {
    Bytes::from_static(b": the token has expired\nevent: reauth\ndata: {}\n\n")
}

/// A comment, which clients pass over.
pub(super) fn comment(text: &str) -> Bytes {
    Bytes::from(format!(": {text}\n\n"))
}

/// A response of these events: each is written by itself.
pub(super) fn response(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, std::convert::Infallible>);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(events)).into_response()
}
