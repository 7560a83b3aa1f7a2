//! When what a caller may see ends: with their token.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use super::auth::Caller;

/// When the streams of this caller are to be closed; none: whenever they end.
pub(super) fn of(caller: &Caller) -> Option<Timestamp> {
    let claims = caller.principal.as_ref()?.claims.as_ref()?;
    let seconds = f64::try_from(claims.get_attr("exp").ok()?).ok()?;
    // What is no time of this calendar is no end either.
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since).ok()
}

/// These events, as long as it is not `closes_at`.
pub(super) fn until(
    closes_at: Option<Timestamp>,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let closes = async move {
        match closes_at.and_then(instant) {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    events.take_until(closes)
}

/// The same time on the clock that timers go by.
fn instant(at: Timestamp) -> Option<Instant> {
    let left: Duration = Timestamp::now().duration_until(at).try_into().unwrap_or_default();
    Instant::now().checked_add(left)
}
