//! Who vouches for the tokens that records carry.

use std::fmt;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use pathway_engine::journal::Principal;
use pathway_engine::vm::{Class, Failure};

use super::Inner;
use super::arrival::Arrived;
use crate::identity::{Identity, Refusal};

/// Before whoever vouches is asked again, if they could not be reached.
const AGAIN: Duration = Duration::from_secs(1);

/// Verifies bearer tokens.
pub trait Vouch: fmt::Debug + Send + Sync {
    /// Whom `token` speaks for.
    fn vouch<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, NotVouched>>;
}

/// Why nobody vouches for a token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotVouched {
    /// It is no good; why is safe to show.
    #[error("{0}")]
    Denied(String),
    /// Whether it is good cannot be found out now.
    #[error("{0}")]
    Unavailable(String),
}

impl Vouch for Identity {
    fn vouch<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, NotVouched>> {
        Box::pin(async move {
            match self.verify(token).await {
                Ok(verified) => Ok(verified.principal),
                Err(Refusal::Unavailable(why)) => Err(NotVouched::Unavailable(why.to_string())),
                Err(refusal) => Err(NotVouched::Denied(refusal.to_string())),
            }
        })
    }
}

impl Inner {
    /// Verifies the tokens of a batch. That nobody can verify them now is no reason to refuse
    /// anybody: it waits.
    pub(super) async fn verify(&self, arrived: &mut [Arrived<'_>]) {
        let waiting = arrived.iter_mut().filter(|arrived| arrived.unverified().is_some());
        join_all(waiting.map(|arrived| self.verify_one(arrived))).await;
    }

    async fn verify_one(&self, arrived: &mut Arrived<'_>) {
        let Some(token) = arrived.unverified() else { return };
        let denied = |why: String| Err(Failure::new(Class::Denied, why));
        let vouched = loop {
            let Some(vouch) = &self.vouch else {
                break denied("nobody here can verify a token".to_owned());
            };
            match vouch.vouch(token.reveal()).await {
                Ok(principal) => break Ok(principal),
                Err(NotVouched::Denied(why)) => break denied(why),
                Err(NotVouched::Unavailable(why)) => {
                    tracing::warn!(topic = arrived.topic, why, "a token cannot be verified; waiting");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        arrived.vouched = Some(vouched);
    }
}
