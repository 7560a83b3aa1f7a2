//! The end of a stream whose caller is no longer known: their token has expired.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Gateway;

/// When a stream ends, whatever there is left to say; it may be never.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry(Option<Instant>);

impl Expiry {
    /// At `expires_at` by the clock that tokens are verified by.
    pub(super) fn at(gateway: &Gateway, expires_at: Option<Timestamp>) -> Self {
        let now = gateway.parts.identity.now();
        let left = expires_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        Self(left.and_then(|left| Instant::now().checked_add(left)))
    }

    /// Ready when it is time.
    pub(super) async fn reached(self) {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Whether it is time.
    pub(super) fn is_reached(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }
}
