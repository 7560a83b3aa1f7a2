//! The stream of one reader of a feed.

use std::pin::pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use futures_util::stream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::expiry::Expiry;
use super::super::{Gateway, sse};
use super::hub::{Hub, Reader};
use super::reader::Next;
use crate::bus::Positions;

/// Tells a caller the events of `key`, after those that were `seen`.
pub(super) fn respond(
    gateway: &Gateway,
    hub: Arc<Hub>,
    key: String,
    seen: Option<Positions>,
    expiry: Expiry,
) -> Response {
    let over = hub.over().clone();
    // Where the head is written already, nothing that is published from now on may be missed.
    let stage = match hub.is_settled() {
        true => Stage::Reading(hub.join(&key, seen)),
        false => Stage::Joining(hub, key, seen),
    };
    let telling = Telling { gateway: gateway.clone(), over, is_open: false, stage, expiry };
    sse::response(stream::unfold(telling, |mut telling| async move {
        let event = telling.next().await?;
        Some((event, telling))
    }))
}

struct Telling {
    gateway: Gateway,
    over: CancellationToken,
    /// Whether anything was written.
    is_open: bool,
    stage: Stage,
    expiry: Expiry,
}

enum Stage {
    /// Until it is known where the feed begins.
    Joining(Arc<Hub>, String, Option<Positions>),
    Reading(Reader),
    Over,
}

impl Telling {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.is_open, true) {
            return Some(sse::comment("open"));
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => None,
            Stage::Joining(hub, key, seen) => {
                let settled = hub.clone();
                match self.wait(async move { settled.settled().await }).await {
                    Waited::For(()) => self.read(hub.join(&key, seen)).await,
                    Waited::InVain => {
                        self.stage = Stage::Joining(hub, key, seen);
                        Some(sse::comment(""))
                    }
                    Waited::ToTheEnd(said) => Some(said),
                }
            }
            Stage::Reading(reader) => self.read(reader).await,
        }
    }

    async fn read(&mut self, reader: Reader) -> Option<Bytes> {
        let (said, is_over) = match self.wait(reader.next()).await {
            Waited::For(Next::Event(bytes, is_last)) => (bytes, is_last),
            Waited::For(Next::Gap) => (sse::comment("older events are kept no longer"), false),
            Waited::For(Next::Nothing) | Waited::InVain => (sse::comment(""), false),
            Waited::ToTheEnd(said) => (said, true),
        };
        if !is_over {
            self.stage = Stage::Reading(reader);
        }
        Some(said)
    }

    /// Waits for something, as long as the stream may be silent.
    async fn wait<T>(&self, what: impl Future<Output = T>) -> Waited<T> {
        let parts = &self.gateway.parts;
        let what = pin!(what);
        tokio::select! {
            biased;
            () = self.over.cancelled() => Waited::ToTheEnd(sse::comment(match parts.stop.is_cancelled() {
                true => "the server is stopping",
                false => "the feed is another now",
            })),
            () = self.expiry.reached() => Waited::ToTheEnd(sse::reauth()),
            found = what => Waited::For(found),
            () = sleep(parts.limits.keep_alive) => Waited::InVain,
        }
    }
}

/// What came of waiting.
enum Waited<T> {
    For(T),
    /// Nothing came in the time after which a comment keeps the stream open.
    InVain,
    /// The stream is to end, with this.
    ToTheEnd(Bytes),
}
