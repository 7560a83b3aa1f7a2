//! A client of server-sent events that takes nothing but what the standard says, and insists on
//! one write per event.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value as Json;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is open.
pub(crate) struct EventSource {
    response: Response,
    /// The comments before the last event, and the names of events that have one.
    pub(crate) comments: Vec<String>,
}

/// An event without a name, as `onmessage` gets it.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) data: Json,
}

impl EventSource {
    /// Opens it. Ready when its first comment is there.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = tokio::time::timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(response.headers().get(name).unwrap(), value);
        }
        let mut source = Self { response, comments: Vec::new() };
        let opening = source.write().await.unwrap();
        assert_eq!(opening, ": open\n\n");
        source
    }

    /// Opens it where a reader was that saw `id` last.
    pub(crate) async fn open_after(request: RequestBuilder, id: &str) -> Self {
        Self::open(request.header("last-event-id", id)).await
    }

    /// What was written at once: one that is large may arrive in parts, but never with another.
    async fn write(&mut self) -> Option<String> {
        let mut written = Vec::new();
        while !written.ends_with(b"\n\n") {
            let part = tokio::time::timeout(PATIENCE, self.response.chunk()).await.unwrap().unwrap();
            let Some(part) = part else {
                assert!(written.is_empty(), "an event is cut off");
                return None;
            };
            written.extend_from_slice(&part);
        }
        Some(String::from_utf8(written).unwrap())
    }

    /// The next event; none where the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.comments.clear();
        loop {
            let text = self.write().await?;
            let block = text.strip_suffix("\n\n").unwrap();
            assert!(!block.contains("\n\n"), "more than one event in a write: {text:?}");
            if let Some(comment) = block.strip_prefix(':') {
                let (comment, event) = comment.split_once('\n').unwrap_or((comment, ""));
                self.comments.push(comment.trim().to_owned());
                let name = event.strip_suffix("\ndata: {}").unwrap_or(event);
                self.comments.extend(name.strip_prefix("event: ").map(str::to_owned));
                continue;
            }
            let (id, data) = block.split_once('\n').unwrap();
            let id = id.strip_prefix("id: ").unwrap_or_else(|| panic!("no id: {text:?}")).to_owned();
            let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("no data: {text:?}"));
            assert!(!data.contains(['\n', '\r']), "{text:?}");
            return Some(Message { id, data: serde_json::from_str(data).unwrap() });
        }
    }

    /// The data of the next `count` events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Json> {
        let mut taken = Vec::with_capacity(count);
        for _ in 0..count {
            taken.push(self.next().await.unwrap().data);
        }
        taken
    }

    /// The data of all events until the stream ends.
    pub(crate) async fn rest(&mut self) -> Vec<Json> {
        let mut taken = Vec::new();
        while let Some(message) = self.next().await {
            taken.push(message.data);
        }
        taken
    }
}
