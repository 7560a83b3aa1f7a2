//! The keys that an issuer publishes, fetched when they are needed.
//!
//! They hold for ten minutes; from half of that on, whoever needs them has them fetched again in
//! the background, so that nobody waits. A token of a key that is not among them has them fetched
//! anew once, since keys are changed; for a while after that it is taken for a bad token, however
//! many come. There is at most one request at a time, and callers wait for it together.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use tokio::sync::watch;

use super::fetch::Fetch;
use super::keys::KeySet;
use super::token::Token;
use super::{FORGED, Refusal};

/// How long keys hold.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// After which they are fetched again in good time.
const OLD: SignedDuration = SignedDuration::from_mins(5);
/// Between two requests, at least.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// The same, after one that failed.
const RETRY: SignedDuration = SignedDuration::from_secs(2);

/// The published keys of an issuer.
pub(super) struct Jwks {
    shared: Arc<Shared>,
}

struct Shared {
    url: Box<str>,
    fetch: Fetch,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    is_fetching: bool,
    tried_at: Option<Timestamp>,
    /// Why the last request brought no keys.
    failure: Option<Arc<str>>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<KeySet>,
    since: Timestamp,
}

impl Jwks {
    pub(super) fn new(url: &str, fetch: Fetch) -> Self {
        let state = watch::Sender::new(State::default());
        Self { shared: Arc::new(Shared { url: url.into(), fetch, state }) }
    }

    /// Whether one of the keys signed the token; none where there is no key of its kind.
    pub(super) async fn signed(&self, token: &Token<'_>, now: Timestamp) -> Result<Option<bool>, Refusal> {
        if let Some(held) = self.held(now)
            && let Some(is_signed) = held.keys.signed(token)
        {
            if age(held.since, now) >= OLD {
                self.refresh(now);
            }
            return Ok(Some(is_signed));
        }
        self.refresh(now);
        if let Some(why) = self.fetched().await {
            return Err(Refusal::Unavailable(why));
        }
        let Some(held) = self.held(now) else {
            return Err(Refusal::Unavailable("there are no keys yet".into()));
        };
        match held.keys.signed(token) {
            Some(is_signed) => Ok(Some(is_signed)),
            None if held.keys.has_any_for(token.algorithm) => Err(FORGED),
            None => Ok(None),
        }
    }

    /// Begins to fetch the keys, unless that is under way or was done a moment ago.
    pub(super) fn refresh(&self, now: Timestamp) {
        let begins = self.shared.state.send_if_modified(|state| {
            let pause = if state.failure.is_some() { RETRY } else { PAUSE };
            let is_due = state.tried_at.is_none_or(|tried_at| age(tried_at, now) >= pause);
            if state.is_fetching || !is_due {
                return false;
            }
            state.is_fetching = true;
            state.tried_at = Some(now);
            true
        });
        if begins {
            // A task of its own: a caller who leaves does not call it off for the others.
            let shared = self.shared.clone();
            tokio::spawn(async move {
                let fetched = shared.fetch().await;
                shared.take(fetched, now);
            });
        }
    }

    /// Waits for the request that is under way, if one is; why the last one failed, if it did.
    async fn fetched(&self) -> Option<Arc<str>> {
        let mut state = self.shared.state.subscribe();
        // The sender is ours.
        state.wait_for(|state| !state.is_fetching).await.ok().and_then(|state| state.failure.clone())
    }

    fn held(&self, now: Timestamp) -> Option<Held> {
        self.shared.state.borrow().held.clone().filter(|held| age(held.since, now) < LIFETIME)
    }
}

impl Shared {
    async fn fetch(&self) -> Result<KeySet, String> {
        let answer = self.fetch.get(&self.url, HeaderMap::new()).await?;
        match answer.status {
            200 => KeySet::parse(&answer.body),
            status => Err(format!("the answer has status {status}")),
        }
    }

    fn take(&self, fetched: Result<KeySet, String>, now: Timestamp) {
        if let Err(why) = &fetched {
            tracing::warn!(url = &*self.url, why, "the keys of the issuer were not fetched");
        }
        self.state.send_modify(|state| {
            state.is_fetching = false;
            match fetched {
                Ok(keys) => {
                    state.held = Some(Held { keys: Arc::new(keys), since: now });
                    state.failure = None;
                }
                Err(why) => state.failure = Some(why.into()),
            }
        });
    }
}

/// How long ago `then` is; a clock that was set back makes old, too.
fn age(then: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(then).abs()
}
