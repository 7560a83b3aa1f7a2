//! Who may ask at all: no page in a browser, and nobody without the token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pathway_engine::vm::Class;

use super::Admin;
use crate::gateway::Problem;
use crate::gateway::credentials::Credentials;

pub(super) async fn admit(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    match check(&admin, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(admin: &Admin, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, Class::Denied, detail));
    if headers.contains_key(ORIGIN) {
        return refused("this is not for pages in a browser");
    }
    if admin.is_local && !is_ours(headers) {
        return refused(
            "a listener on this machine alone goes by its address or `localhost`, by no other name",
        );
    }
    match Credentials::of(headers) {
        Credentials::Bearer(token) if admin.token.is(&token) => Ok(()),
        Credentials::Nothing => Err(Problem::unauthorized("this needs the admin token", false)),
        _ => Err(Problem::unauthorized("this is not the admin token", true)),
    }
}

/// Whether the request names an address, or `localhost`: a page that had its own name resolve to this
/// machine names itself. A listener that others can reach may have any name.
fn is_ours(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(authority) = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok()) else {
        return false;
    };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}
