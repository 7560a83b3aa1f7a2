//! The route of a feed: one request of it.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::{Gateway, Problem, auth, expiry};
use super::hub::Hub;
use super::{asking, mark, telling};

/// Serves one request.
pub(super) async fn enter(gateway: Gateway, hub: Arc<Hub>, request: Request) -> Response {
    open(&gateway, hub, &request).unwrap_or_else(IntoResponse::into_response)
}

fn open(gateway: &Gateway, hub: Arc<Hub>, request: &Request) -> Result<Response, Problem> {
    let (feed, headers) = (hub.feed(), request.headers());
    let caller = auth::identify(feed.auth, gateway.parts.project.auth.as_ref(), headers)?;
    let key = asking::key(feed, &caller, request.uri())?;
    let seen = headers.get(HeaderName::from_static("last-event-id"));
    let seen = seen.and_then(|id| id.to_str().ok()).and_then(mark::read);
    if seen.as_ref().is_some_and(|seen| hub.is_over(&key, seen)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(telling::respond(gateway, hub, key, seen, expiry::of(&caller)))
}
