//! Who calls. So far tokens are only read, not verified, which [`super::check`] allows on
//! loopback listeners alone.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pathway_engine::document::Auth as Policy;
use pathway_engine::journal::Principal;
use pathway_engine::project::{Auth, Mode};
use pathway_engine::value;
use pathway_engine::vm::Class;

use super::Problem;

/// Bytes of a token.
const LONGEST_TOKEN: usize = 16 << 10;
/// Bytes of a subject.
const LONGEST_SUBJECT: usize = 255;

/// What is said where a token would have to be verified.
pub(super) const UNSUPPORTED: &str =
    "verification of tokens is not supported by this version; set auth.mode: unverified for development";

/// Who calls; nobody in particular by default.
#[derive(Default)]
pub(super) struct Caller {
    pub(super) principal: Option<Principal>,
    pub(super) token: Option<String>,
}

impl Caller {
    pub(super) fn subject(&self) -> Option<&str> {
        self.principal.as_ref().map(|principal| principal.sub.as_str())
    }
}

/// Knows a caller by the request's headers, if `policy` wants to.
pub(super) fn identify(policy: Policy, auth: Option<&Auth>, headers: &HeaderMap) -> Result<Caller, Problem> {
    if policy == Policy::None {
        return Ok(Caller::default());
    }
    let token = match bearer(headers)? {
        Some(token) => token,
        None if policy == Policy::Optional => return Ok(Caller::default()),
        None => return Err(Problem::unauthorized("a bearer token is needed", false)),
    };
    if policy == Policy::Service {
        let detail = "this door is for services, and no token of theirs is known";
        return Err(Problem::new(StatusCode::FORBIDDEN, Class::Denied, detail));
    }
    match auth.map(|auth| auth.mode) {
        Some(Mode::Unverified) => {}
        Some(Mode::Verified) | None => {
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, Class::Outage, UNSUPPORTED));
        }
    }
    let principal = read(token).ok_or_else(|| {
        Problem::unauthorized("the bearer token is not a JSON Web Token with a subject", true)
    })?;
    Ok(Caller { principal: Some(principal), token: Some(token.to_owned()) })
}

/// The bearer token; none where no credentials came.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token.filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN) {
        Some(token) if given.next().is_none() => Ok(Some(token)),
        _ => Err(Problem::unauthorized("the credentials are not one bearer token", true)),
    }
}

/// Whom a JSON Web Token speaks of, if it can be believed.
fn read(token: &str) -> Option<Principal> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims = value::from_json(&json).ok()?;
    let text = |name: &str| claims.get_attr(name).ok()?.as_str().map(str::to_owned);
    let sub = text("sub").filter(|sub| !sub.is_empty() && sub.len() <= LONGEST_SUBJECT)?;
    Some(Principal { sub, role: text("role"), claims: Some(claims), has_token: true })
}
