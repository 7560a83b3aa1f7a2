//! Asking the issuer about a token, where no key of it is published.
//!
//! That is a call for every token, so its answer is remembered for a minute by the token's hash,
//! and of several requests with one token only the first asks.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use pathway_engine::project::Secret;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex as Turn, MutexGuard};

use super::fetch::{Answer, Fetch, PATIENCE};
use super::remembered::{Digest, Remembered};
use super::{Refusal, Verified};

/// How long an answer holds, if the token does.
const MEMORY: SignedDuration = SignedDuration::from_secs(60);
/// Calls at once. Tokens that share a turn wait for each other.
const TURNS: usize = 64;

/// A URL that knows good tokens.
pub(super) struct Introspection {
    url: Box<str>,
    apikey: Option<Secret>,
    fetch: Fetch,
    good: Mutex<Remembered>,
    bad: Mutex<Remembered>,
    turns: [Turn<()>; TURNS],
}

/// What the issuer says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// The token is this subject's.
    Of(String),
    Bad,
    /// Nothing about the token.
    Nothing(String),
}

impl Introspection {
    pub(super) fn new(url: &str, apikey: Option<Secret>, fetch: Fetch) -> Self {
        Self {
            url: url.into(),
            apikey,
            fetch,
            good: Mutex::default(),
            bad: Mutex::default(),
            turns: std::array::from_fn(|_| Turn::new(())),
        }
    }

    /// Whether the issuer says that `token` is good, and of whom it says itself.
    pub(super) async fn knows(
        &self,
        token: &str,
        claimed: &Verified,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let digest: Digest = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.remembers(&digest, now) {
            return Ok(known);
        }
        let _turn = self.turn(&digest).await?;
        if let Some(known) = self.remembers(&digest, now) {
            return Ok(known);
        }
        let known = match self.ask(token).await {
            Said::Of(subject) => subject == claimed.principal.sub,
            Said::Bad => false,
            Said::Nothing(why) => {
                tracing::warn!(url = &*self.url, why, "a token could not be verified");
                return Err(Refusal::Unavailable(why.into()));
            }
        };
        let until = now.checked_add(MEMORY).map_or(claimed.expires_at, |until| until.min(claimed.expires_at));
        let memory = if known { &self.good } else { &self.bad };
        memory.lock().unwrap_or_else(PoisonError::into_inner).remember(digest, until);
        Ok(known)
    }

    async fn turn(&self, digest: &Digest) -> Result<Option<MutexGuard<'_, ()>>, Refusal> {
        let turn = digest.first().and_then(|byte| self.turns.get(usize::from(*byte) % TURNS));
        let Some(turn) = turn else { return Ok(None) };
        match tokio::time::timeout(PATIENCE, turn.lock()).await {
            Ok(turn) => Ok(Some(turn)),
            Err(_elapsed) => Err(Refusal::Unavailable("too many tokens to ask about".into())),
        }
    }

    fn remembers(&self, digest: &Digest, now: Timestamp) -> Option<bool> {
        let has = |memory: &Mutex<Remembered>| {
            memory.lock().unwrap_or_else(PoisonError::into_inner).has(digest, now)
        };
        if has(&self.good) { Some(true) } else { has(&self.bad).then_some(false) }
    }

    async fn ask(&self, token: &str) -> Said {
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let apikey = self.apikey.as_ref().map(|key| HeaderValue::from_str(key.reveal()));
        let (Ok(mut bearer), Ok(apikey)) = (bearer, apikey.transpose()) else {
            return Said::Nothing("`auth.apikey` cannot be sent".to_owned());
        };
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        if let Some(mut apikey) = apikey {
            apikey.set_sensitive(true);
            headers.insert("apikey", apikey);
        }
        match self.fetch.get(&self.url, headers).await {
            Ok(answer) => read(&answer),
            Err(why) => Said::Nothing(why),
        }
    }
}

fn read(answer: &Answer) -> Said {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        200 => {
            // Supabase calls the subject `id`, OpenID Connect `sub`.
            let subject = ["id", "sub"].iter().find_map(|name| body.get(name)?.as_str());
            subject.map_or_else(
                || Said::Nothing("the answer names no user".to_owned()),
                |subject| Said::Of(subject.to_owned()),
            )
        }
        // What stands before the issuer may refuse us, for want of its key: not the token's fault.
        401 | 403 if String::from_utf8_lossy(&answer.body).to_ascii_lowercase().contains("api key") => {
            Said::Nothing("the API key is refused: see `auth.apikey`".to_owned())
        }
        401 | 403 => Said::Bad,
        status => Said::Nothing(format!("the answer has status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let said = |status, body: &str| read(&Answer { status, body: body.into() });
        assert_eq!(said(200, r#"{"id":"ann","aud":"authenticated"}"#), Said::Of("ann".to_owned()));
        assert_eq!(said(200, r#"{"sub":"ann"}"#), Said::Of("ann".to_owned()));
        assert_eq!(said(403, r#"{"code":403,"error_code":"bad_jwt","msg":"invalid JWT"}"#), Said::Bad);
        assert_eq!(said(401, ""), Said::Bad);
        for (status, body) in [
            (200, "{}"),
            (200, "<html>"),
            (200, "[]"),
            (302, ""),
            (404, "{}"),
            (401, r#"{"message":"Invalid API key","hint":"…"}"#),
            (401, r#"{"message":"No API key found in request"}"#),
            (429, ""),
            (502, "bad gateway"),
        ] {
            assert!(matches!(said(status, body), Said::Nothing(_)), "{status} {body}");
        }
    }
}
