//! The route of a feed: one request of it.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::super::expiry::Expiry;
use super::super::sse::LAST_EVENT_ID;
use super::super::{Gateway, Problem, auth};
use super::hub::Hub;
use super::{asking, mark, telling};

/// Serves one request.
pub(super) async fn enter(gateway: Gateway, hub: Arc<Hub>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    open(&gateway, hub, &head).await.unwrap_or_else(IntoResponse::into_response)
}

async fn open(gateway: &Gateway, hub: Arc<Hub>, head: &Parts) -> Result<Response, Problem> {
    let feed = hub.feed();
    let caller = auth::of_stream(gateway, feed.auth, head).await?;
    let key = asking::key(feed, &caller, &head.uri)?;
    let seen = head.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(mark::read);
    if seen.as_ref().is_some_and(|seen| hub.is_over(&key, seen)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(telling::respond(gateway, hub, key, seen, Expiry::at(gateway, caller.expires_at)))
}
