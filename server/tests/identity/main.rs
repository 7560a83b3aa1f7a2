//! Which tokens are believed, with a stand-in for their issuer and a clock of the tests' own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod introspection;
mod issuer;
mod published;
mod signer;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use pathway_engine::project::{Auth, Mode, QueryToken, Secret};
use pathway_server::clock::Clock;
use pathway_server::identity::{Identity, Refusal, Verified};
use serde_json::{Value as Json, json};

/// When the tests begin, in seconds.
pub(crate) const NOW: i64 = 1_795_446_000;
pub(crate) const ISSUER: &str = "https://id.test/auth/v1";
pub(crate) const SECRET: &str = "a-secret-that-is-shared-with-the-issuer";

/// What the project of the finance app asks of a token, and nothing to verify it with.
pub(crate) fn rules() -> Auth {
    Auth {
        issuer: Some(ISSUER.to_owned()),
        audience: Some("authenticated".to_owned()),
        role: Some("authenticated".to_owned()),
        ..bare()
    }
}

/// Nothing asked.
pub(crate) fn bare() -> Auth {
    Auth {
        mode: Mode::Verified,
        issuer: None,
        jwks: None,
        secret: None,
        introspect: None,
        apikey: None,
        audience: None,
        role: None,
        query_token: QueryToken::Never,
    }
}

pub(crate) fn shared(auth: Auth) -> Auth {
    Auth { secret: Some(Secret::new(SECRET)), ..auth }
}

/// An identity and the time that it goes by.
pub(crate) struct World {
    pub(crate) identity: Arc<Identity>,
    now: Arc<AtomicI64>,
}

impl World {
    pub(crate) fn of(auth: &Auth) -> Self {
        let now = Arc::new(AtomicI64::new(NOW));
        let clock = now.clone();
        let clock = move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap();
        let identity = Identity::with_clock(Some(auth), Clock::new(clock)).unwrap();
        Self { identity: Arc::new(identity), now }
    }

    /// So many seconds after the beginning.
    pub(crate) fn at(&self, seconds: i64) -> &Self {
        self.now.store(NOW + seconds, Ordering::SeqCst);
        self
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, Refusal> {
        self.identity.verify(token).await
    }

    /// Asserts that the token is good, and of `ann`.
    #[track_caller]
    pub(crate) fn accepts(&self, token: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let verified = self.verify(token).await;
            assert!(verified.is_ok_and(|verified| verified.principal.sub == "ann"), "{place}");
        }
    }

    /// Asserts that the token is bad; tells why.
    #[track_caller]
    pub(crate) fn refuses(&self, token: &str) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            match self.verify(token).await {
                Err(refusal @ (Refusal::Bad(_) | Refusal::Expired)) => refusal.to_string(),
                other => unexpected(&other, place),
            }
        }
    }

    /// Asserts that nobody knows at the moment; tells why.
    #[track_caller]
    pub(crate) fn cannot_know(&self, token: &str) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            match self.verify(token).await {
                Err(Refusal::Unavailable(why)) => why.to_string(),
                other => unexpected(&other, place),
            }
        }
    }
}

#[expect(clippy::panic, reason = "a helper of tests")]
fn unexpected(got: &Result<Verified, Refusal>, place: &std::panic::Location<'_>) -> String {
    panic!("{got:?} at {place}")
}

/// What a login of `ann` claims.
pub(crate) fn claims() -> Json {
    json!({
        "iss": ISSUER, "sub": "ann", "aud": "authenticated", "role": "authenticated",
        "iat": NOW, "exp": NOW + 3600, "email": "ann@test", "session_id": "s-1",
    })
}

/// The claims of a login with one changed, or, with null, without it.
pub(crate) fn claims_with(name: &str, value: Json) -> Json {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    match value {
        Json::Null => map.remove(name),
        value => map.insert(name.to_owned(), value),
    };
    claims
}
