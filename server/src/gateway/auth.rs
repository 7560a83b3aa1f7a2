//! Who calls, as far as a door wants to know.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use pathway_engine::document::Auth as Policy;
use pathway_engine::journal::Principal;
use pathway_engine::project::QueryToken;
use pathway_engine::vm::Class;

use super::credentials::Credentials;
use super::{Gateway, Problem, ticket};
use crate::identity::{AdminToken, Refusal, Verified};

/// Who calls; nobody in particular by default.
#[derive(Default)]
pub(super) struct Caller {
    pub(super) principal: Option<Principal>,
    /// With which services are called in their name.
    pub(super) token: Option<String>,
    /// When they are no longer known; none: never.
    pub(super) expires_at: Option<Timestamp>,
}

impl Caller {
    pub(super) fn subject(&self) -> Option<&str> {
        self.principal.as_ref().map(|principal| principal.sub.as_str())
    }

    fn user(verified: Verified, token: Option<String>) -> Self {
        Self { principal: Some(verified.principal), token, expires_at: Some(verified.expires_at) }
    }

    /// Who shows the admin token, which goes no further.
    fn service() -> Self {
        Self { principal: Some(AdminToken::principal()), ..Self::default() }
    }
}

/// Who calls by what the head of a request says.
pub(super) async fn of_request(
    gateway: &Gateway,
    policy: Policy,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    gateway.know(policy, Credentials::of(headers)).await
}

/// Who opens a stream: with GET a ticket will do, and where the project says so a token in the
/// query.
pub(super) async fn of_stream(gateway: &Gateway, policy: Policy, head: &Parts) -> Result<Caller, Problem> {
    gateway.know(policy, Credentials::of_stream(head)).await
}

/// Who asks for a run, which may have been anyone's: a user, the service, or nobody in particular.
pub(super) async fn of_owner(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, Problem> {
    gateway.know_owner(Credentials::of(headers)).await
}

/// Who opens the stream of a run, as [`of_owner`] and [`of_stream`] tell.
pub(super) async fn of_owner_of_stream(gateway: &Gateway, head: &Parts) -> Result<Caller, Problem> {
    gateway.know_owner(Credentials::of_stream(head)).await
}

impl Gateway {
    async fn know_owner(&self, shown: Credentials<'_>) -> Result<Caller, Problem> {
        match &shown {
            Credentials::Bearer(token) if self.parts.admin.is(token) => Ok(Caller::service()),
            _ => self.know(Policy::Optional, shown).await,
        }
    }

    async fn know(&self, policy: Policy, shown: Credentials<'_>) -> Result<Caller, Problem> {
        let needed = || Problem::unauthorized("a bearer token is needed", false);
        let token = match (policy, shown) {
            (Policy::None, _) | (Policy::Optional, Credentials::Nothing) => return Ok(Caller::default()),
            (_, Credentials::Nothing) => return Err(needed()),
            (_, Credentials::Malformed) => {
                return Err(Problem::unauthorized("the credentials are not one bearer token", true));
            }
            (Policy::Service, Credentials::Bearer(token)) if self.parts.admin.is(&token) => {
                return Ok(Caller::service());
            }
            (Policy::Service, _) => {
                return Err(Problem::unauthorized("this door is for services with the admin token", true));
            }
            (_, Credentials::Ticket(ticket, head)) => {
                return ticket::open(self, &ticket, head).map(|verified| Caller::user(verified, None));
            }
            (_, Credentials::Query(_)) if !self.takes_query_tokens() => return Err(needed()),
            (_, Credentials::Bearer(token) | Credentials::Query(token)) => token,
        };
        match self.parts.identity.verify(&token).await {
            Ok(verified) => Ok(Caller::user(verified, Some(token))),
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    fn takes_query_tokens(&self) -> bool {
        let auth = self.parts.project.auth.as_ref();
        auth.is_some_and(|auth| auth.query_token == QueryToken::Streams)
    }
}

fn refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Bad(_) | Refusal::Expired => Problem::unauthorized(&refusal.to_string(), true),
        Refusal::Unavailable(_) => {
            let detail = "who calls cannot be verified at the moment; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Class::Outage, detail)
        }
    }
}
