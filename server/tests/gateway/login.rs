//! Logins that are verified, at a time that the tests say.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use pathway_server::clock;
use pathway_server::gateway::Limits;
use serde_json::{Value as Json, json};

use crate::world::{Runner, World};

/// When the tests begin, in seconds.
const NOW: i64 = 1_795_446_000;
const SECRET: &str = "a-secret-that-is-shared-with-the-issuer";

/// A project that verifies tokens, and takes them in the query of streams.
pub(crate) const VERIFIED: &str =
    "auth: { secret: a-secret-that-is-shared-with-the-issuer, query_token: streams }\n";

/// A clock that is set by hand.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    /// So many seconds after the beginning.
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(NOW + seconds, Ordering::SeqCst);
    }
}

pub(crate) async fn start(project: &str, pathways: &[&str], runner: Runner) -> (World, Clock) {
    let clock = Clock(Arc::new(AtomicI64::new(NOW)));
    let now = clock.clone();
    let now = move || Timestamp::from_second(now.0.load(Ordering::SeqCst)).unwrap();
    (World::start_at(project, pathways, runner, Limits::default(), clock::Clock::new(now)).await, clock)
}

/// A token of `subject` that is good for an hour.
pub(crate) fn login(subject: &str) -> String {
    login_for(subject, 3600)
}

pub(crate) fn login_for(subject: &str, seconds: i64) -> String {
    login_with(&json!({ "sub": subject, "exp": NOW + seconds }))
}

pub(crate) fn login_with(claims: &Json) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

pub(crate) const NOW_AND_AN_HOUR: i64 = NOW + 3600;
