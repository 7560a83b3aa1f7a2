//! `POST /api/stream-tickets`: what opens a stream in place of a token, for clients such as
//! `EventSource` that can set no headers.
//!
//! A ticket stands in a URL, and so in histories and logs of others. It opens streams alone, for a
//! minute; only a client that had opened one before, and says what it saw last, may use it until
//! the token expires that it was given for. Whom it speaks of is sealed into it; the token is not,
//! so that what it opens calls services without one.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use pathway_engine::document::Auth as Policy;
use pathway_engine::journal::Principal;
use pathway_engine::schema::Violation;
use pathway_engine::value::ValueKind;
use pathway_engine::vm::{Class, Failure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sse::LAST_EVENT_ID;
use super::{Gateway, Limits, Problem, auth, body};
use crate::identity::Verified;

/// How long a stream may first be opened with it.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// Bytes of a ticket: what fits into a URL together with the rest.
const LONGEST: usize = 6 << 10;
/// Bytes of the request for one.
const LARGEST_BODY: usize = 4 << 10;
/// Bytes of a path.
const LONGEST_PATH: usize = 1 << 10;
/// What tickets are sealed with, so that no other seal is taken for one.
const ASSOCIATED: &[&str] = &["stream-ticket"];

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Ticket {
    /// The only path that it is for; none: every stream.
    path: Option<String>,
    principal: Principal,
    /// Until when a stream may first be opened.
    fresh_until: Timestamp,
    /// Until when a stream may be opened again, and when it is closed.
    expires_at: Timestamp,
}

/// Gives a ticket to a user who shows a token.
pub(super) async fn issue(State(gateway): State<Gateway>, request: Request) -> Result<Response, Problem> {
    let caller = auth::of_request(&gateway, Policy::User, request.headers()).await?;
    let path = path(request, gateway.parts.limits).await?;
    let (Some(principal), Some(expires_at)) = (caller.principal, caller.expires_at) else {
        return Err(Problem::unauthorized("a bearer token is needed", false));
    };
    let now = gateway.parts.identity.now();
    let fresh_until = now.checked_add(FRESH).map_or(expires_at, |until| until.min(expires_at));
    let principal = Principal { has_token: false, ..principal };
    let ticket = Ticket { path, principal, fresh_until, expires_at };
    let plain = serde_json::to_string(&ticket).map_err(|error| Problem::unavailable(&error))?;
    let sealed = gateway.parts.keys.seal(&plain, ASSOCIATED).map_err(|error| Problem::unavailable(&error))?;
    if sealed.len() > LONGEST {
        let detail = "the token claims more than fits into a ticket";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Class::Invalid, detail));
    }
    let expires_in = fresh_until.duration_since(now).as_secs().max(0);
    let answer = Json(json!({ "ticket": sealed, "expires_in": expires_in }));
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response())
}

/// Of whom a ticket speaks, if it opens the stream that `head` asks for.
pub(super) fn open(gateway: &Gateway, sealed: &str, head: &Parts) -> Result<Verified, Problem> {
    let plain = gateway.parts.keys.open(sealed, ASSOCIATED).ok();
    let ticket = plain.and_then(|plain| serde_json::from_str::<Ticket>(plain.reveal()).ok());
    let ticket = ticket.ok_or_else(|| Problem::unauthorized("the ticket is not good", true))?;
    if ticket.path.is_some_and(|only| only != head.uri.path()) {
        return Err(Problem::unauthorized("the ticket is for another stream", true));
    }
    let opened_before = head.headers.get(LAST_EVENT_ID).is_some_and(|id| !id.is_empty());
    let until = if opened_before { ticket.expires_at } else { ticket.fresh_until };
    if gateway.parts.identity.now() >= until {
        return Err(Problem::unauthorized("the ticket has expired", true));
    }
    Ok(Verified { principal: ticket.principal, expires_at: ticket.expires_at })
}

/// The path that the ticket shall be for, if the request names one.
async fn path(request: Request, limits: Limits) -> Result<Option<String>, Problem> {
    let limits = Limits { body: limits.body.min(LARGEST_BODY), ..limits };
    let body = body::object(request, &limits).await?;
    let given = body.get_attr("path").unwrap_or_default();
    match (given.kind(), given.as_str()) {
        (ValueKind::Undefined | ValueKind::None, _) => Ok(None),
        (_, Some(path)) if path.starts_with('/') && path.len() <= LONGEST_PATH && !path.contains('?') => {
            Ok(Some(path.to_owned()))
        }
        _ => {
            let violation = Violation {
                pointer: "/path".to_owned(),
                detail: format!("must be a path without a query, of at most {LONGEST_PATH} bytes"),
                code: "format".to_owned(),
            };
            Err(Problem::of(&Failure::violated(Class::Invalid, "the input", vec![violation])))
        }
    }
}
