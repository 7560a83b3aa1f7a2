//! Access tokens of every kind, and a Supabase whose auth server publishes keys or is asked.
//!
//! Its tables are empty and take whatever is written to them: who may see which rows is not what
//! tests with it are about.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// A token of this header and these claims, signed with a shared secret.
#[must_use]
pub fn hs256(secret: &str, header: &Value, claims: &Value) -> String {
    let signed = signed_part(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A token of these claims that nobody has signed.
#[must_use]
pub fn unsigned(algorithm: &str, claims: &Value) -> String {
    format!("{}.", signed_part(&json!({"alg": algorithm, "typ": "JWT"}), claims))
}

/// What a user's token claims, as Supabase gives it out now, for an hour.
#[must_use]
pub fn claims(issuer: &str, subject: &str) -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({
        "iss": issuer, "sub": subject, "aud": "authenticated", "role": "authenticated",
        "iat": now, "exp": now + 3600,
    })
}

fn signed_part(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// A key of an issuer (ES256).
#[derive(Debug)]
pub struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

impl Key {
    /// A new one of this id.
    ///
    /// # Panics
    /// If none can be made.
    #[must_use]
    pub fn new(id: &str) -> Self {
        match EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING) {
            Ok(pair) => Self { id: id.to_owned(), pair },
            Err(error) => panic!("no key: {error}"),
        }
    }

    /// A token of these claims.
    ///
    /// # Panics
    /// If it cannot be signed.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let signed = signed_part(&json!({"alg": "ES256", "typ": "JWT", "kid": self.id}), claims);
        match self.pair.sign(&SystemRandom::new(), signed.as_bytes()) {
            Ok(signature) => format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
            Err(error) => panic!("no signature: {error}"),
        }
    }

    /// What is published of it.
    fn published(&self) -> Value {
        // An uncompressed point: a byte that says so, then both coordinates.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id, "x": text(x), "y": text(y)})
    }
}

/// A Supabase; it stops when it is dropped.
#[derive(Debug)]
pub struct Issuer {
    /// `SUPABASE_URL`
    pub url: String,
    state: Arc<Mutex<Told>>,
    server: AbortHandle,
}

/// What it knows, and was asked.
#[derive(Debug, Default)]
struct Told {
    keys: Vec<Value>,
    known: Vec<(String, String)>,
    is_away: bool,
    asked: Vec<String>,
}

type Shared = State<Arc<Mutex<Told>>>;

impl Issuer {
    /// Starts one that publishes nothing and knows nobody.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(Told::default()));
        let router = Router::new()
            .route("/auth/v1/.well-known/jwks.json", get(jwks))
            .route("/auth/v1/user", get(user))
            .route(
                "/rest/v1/{table}",
                get(|| async { Json(json!([])) }).post(|| async { StatusCode::CREATED }),
            )
            .with_state(state.clone());
        let Ok(listener) = TcpListener::bind(("127.0.0.1", 0)).await else { panic!("no port is free") };
        let Ok(address) = listener.local_addr() else { panic!("the issuer has no address") };
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { url: format!("http://{address}"), state, server }
    }

    /// What its tokens name as their issuer.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/auth/v1", self.url)
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: &[&Key]) {
        self.told(|told| told.keys = keys.iter().map(|key| key.published()).collect());
    }

    /// Knows this token from now on.
    pub fn know(&self, token: &str, subject: &str) {
        self.told(|told| told.known.push((token.to_owned(), subject.to_owned())));
    }

    /// Answers every question with 503, or no longer.
    pub fn set_away(&self, is_away: bool) {
        self.told(|told| told.is_away = is_away);
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.told(|told| told.asked.iter().filter(|asked| asked.ends_with(path)).count())
    }

    fn told<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn jwks(State(state): Shared, request: Request) -> Response {
    answer(&state, &request, |told| Json(json!({"keys": told.keys})).into_response())
}

async fn user(State(state): Shared, headers: HeaderMap, request: Request) -> Response {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    answer(&state, &request, |told| {
        match told.known.iter().find(|(token, _)| Some(token.as_str()) == bearer) {
            Some((_, subject)) => {
                Json(json!({"id": subject, "aud": "authenticated", "role": "authenticated"})).into_response()
            }
            None => {
                (StatusCode::FORBIDDEN, Json(json!({"code": 403, "error_code": "bad_jwt"}))).into_response()
            }
        }
    })
}

fn answer(state: &Mutex<Told>, request: &Request, known: impl FnOnce(&Told) -> Response) -> Response {
    let mut told = state.lock().unwrap_or_else(PoisonError::into_inner);
    told.asked.push(request.uri().path().to_owned());
    if told.is_away { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { known(&told) }
}
