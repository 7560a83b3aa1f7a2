//! Who calls: tells of whom a token speaks, if it can be believed.
//!
//! A token is read (`token`), what it claims is compared with what the project asks for (`claims`),
//! and then somebody vouches for it: the shared secret for tokens that are signed with one, the
//! issuer's published keys for all others, and where there is no key of that kind the issuer
//! itself. That nobody can be asked at the moment is not the token's fault, and is told apart.

mod admin;
mod claims;
mod fetch;
mod introspect;
mod jwks;
mod keys;
mod remembered;
mod secret;
mod token;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use pathway_engine::journal::Principal;
use pathway_engine::project::{Auth, Mode};

pub use admin::{AdminToken, AdminTokenError};

use claims::Rules;
use fetch::Fetch;
use introspect::Introspection;
use jwks::Jwks;
use secret::SharedSecret;
use token::Token;

use crate::clock::Clock;

/// Subject and role of who shows the admin token; no user's token may name it.
pub const SERVICE: &str = "service";

const FORGED: Refusal = Refusal::Bad("the token is not signed by its issuer");
const NO_KEY: Refusal = Refusal::Bad("there is no key for the token");
const NOBODY: Refusal = Refusal::Bad("this server knows no users");

/// Knows callers by their tokens.
pub struct Identity {
    way: Way,
    clock: Clock,
}

/// A token that can be believed.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Of whom it speaks.
    pub principal: Principal,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why a token is not believed. Nothing of the token is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What is wrong with it, which may be shown.
    #[error("{0}")]
    Bad(&'static str),
    /// It was good.
    #[error("the token has expired")]
    Expired,
    /// Who would know cannot be asked: the token may be good. The reason is for the log.
    #[error("tokens cannot be verified: {0}")]
    Unavailable(Arc<str>),
}

/// Why nobody can be asked over HTTP.
#[derive(Debug, thiserror::Error)]
#[error("the client that asks for keys cannot be made: {0}")]
pub struct IdentityError(#[from] reqwest::Error);

enum Way {
    /// The project knows no callers.
    Nobody,
    /// Whatever a token says.
    Unverified,
    Verified(Box<Verifier>),
}

struct Verifier {
    rules: Rules,
    secret: Option<SharedSecret>,
    jwks: Option<Jwks>,
    introspection: Option<Introspection>,
}

impl Identity {
    /// Verifies as `auth` says; without it no token is good.
    ///
    /// # Errors
    /// If the platform's certificates cannot be read.
    pub fn new(auth: Option<&Auth>) -> Result<Self, IdentityError> {
        Self::with_clock(auth, Clock::system())
    }

    /// As [`Self::new`], with a clock of its own.
    ///
    /// # Errors
    /// If the platform's certificates cannot be read.
    pub fn with_clock(auth: Option<&Auth>, clock: Clock) -> Result<Self, IdentityError> {
        let way = match auth {
            None => Way::Nobody,
            Some(auth) if auth.mode == Mode::Unverified => Way::Unverified,
            Some(auth) => {
                let fetch = Fetch::new()?;
                Way::Verified(Box::new(Verifier {
                    rules: Rules::of(auth),
                    secret: auth.secret.as_ref().map(SharedSecret::new),
                    jwks: auth.jwks.as_deref().map(|url| Jwks::new(url, fetch.clone())),
                    introspection: auth
                        .introspect
                        .as_deref()
                        .map(|url| Introspection::new(url, auth.apikey.clone(), fetch)),
                }))
            }
        };
        Ok(Self { way, clock })
    }

    /// Of whom `token` speaks, and until when.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn verify(&self, token: &str) -> Result<Verified, Refusal> {
        match &self.way {
            Way::Nobody => Err(NOBODY),
            Way::Unverified => claims::believe(&token::claims(token)?),
            Way::Verified(verifier) => verifier.verify(token, self.now()).await,
        }
    }

    /// Begins to fetch what tokens will be verified with, so that the first caller need not wait.
    pub fn prepare(&self) {
        if let Way::Verified(verifier) = &self.way
            && let Some(jwks) = &verifier.jwks
        {
            jwks.refresh(self.now());
        }
    }

    /// What its clock says.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Verifier {
    async fn verify(&self, text: &str, now: Timestamp) -> Result<Verified, Refusal> {
        let token = Token::parse(text)?;
        // What would be refused anyway costs neither a signature nor a request.
        let verified = self.rules.check(&token.claims, now)?;
        let is_genuine = match token.algorithm {
            Algorithm::HS256 => self.secret.as_ref().map(|secret| secret.signed(&token)),
            _ => match &self.jwks {
                Some(jwks) => jwks.signed(&token, now).await?,
                None => None,
            },
        };
        let is_genuine = match (is_genuine, &self.introspection) {
            (Some(is_genuine), _) => is_genuine,
            (None, Some(introspection)) => introspection.knows(text, &verified, now).await?,
            (None, None) => return Err(NO_KEY),
        };
        if is_genuine { Ok(verified) } else { Err(FORGED) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.way {
            Way::Nobody => "Nobody",
            Way::Unverified => "Unverified",
            Way::Verified(_) => "Verified",
        };
        write!(f, "Identity({way})")
    }
}
