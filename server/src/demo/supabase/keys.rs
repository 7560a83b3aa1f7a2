//! Keys and tokens: who calls.

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::database::Row;
use super::refusal::Refusal;
use super::tables::Table;

/// 2100-01-01: as good as never.
const FAR: i64 = 4_102_444_800;

/// The keys of the stand-ins: good for nothing else.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `SUPABASE_ANON_KEY`
    pub anon: String,
    /// `SUPABASE_SERVICE_ROLE_KEY`
    pub service: String,
    /// `SUPABASE_JWT_SECRET`
    pub jwt_secret: String,
    /// `INTEGRATIONS_API_KEY`
    pub integrations: String,
}

/// Who calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    Anonymous,
    User(String),
    Service,
}

impl Default for Keys {
    fn default() -> Self {
        let jwt_secret = "stand-in-secret-that-signs-the-tokens-of-the-demo".to_owned();
        let key = |role: &str| sign(&jwt_secret, &json!({"iss": "supabase", "role": role, "exp": FAR}));
        Self {
            anon: key("anon"),
            service: key("service_role"),
            integrations: "stand-in-integrations-key".to_owned(),
            jwt_secret,
        }
    }
}

impl Keys {
    /// An access token as `issuer` would give it out at `now`, for an hour.
    pub(in crate::demo) fn user_token(&self, issuer: &str, subject: &str, now: Timestamp) -> String {
        let claims = json!({
            "iss": issuer,
            "sub": subject,
            "aud": "authenticated",
            "role": "authenticated",
            "iat": now.as_second(),
            "exp": now.as_second() + 3600,
        });
        sign(&self.jwt_secret, &claims)
    }

    /// Whether a call may pass the gateways to language model and OCR.
    pub(in crate::demo) fn opens_gateways(&self, headers: &HeaderMap) -> bool {
        bearer(headers, "x-gateway-authorization") == Some(self.integrations.as_str())
    }

    /// Who a call to PostgREST is from. Unlike the real one it insists on both headers, because
    /// a pathway that forgets one is wrong.
    pub(super) fn role(&self, headers: &HeaderMap, now: Timestamp) -> Result<Role, Refusal> {
        let key = headers.get("apikey").and_then(|value| value.to_str().ok());
        if key.is_none_or(|key| key != self.anon && key != self.service) {
            return Err(Refusal::no_key());
        }
        let claims = self.claims(headers, now)?;
        match claims.get("role").and_then(Value::as_str) {
            Some("service_role") => Ok(Role::Service),
            Some("anon") => Ok(Role::Anonymous),
            Some("authenticated") => subject(&claims).map(Role::User),
            _ => Err(Refusal::bad_token("JWT role is unknown")),
        }
    }

    /// The subject of a user's token.
    pub(super) fn user(&self, headers: &HeaderMap, now: Timestamp) -> Result<String, Refusal> {
        subject(&self.claims(headers, now)?)
    }

    fn claims(&self, headers: &HeaderMap, now: Timestamp) -> Result<Value, Refusal> {
        let token = bearer(headers, "authorization").ok_or_else(|| Refusal::bad_token("JWT is missing"))?;
        let claims = verify(&self.jwt_secret, token)
            .ok_or_else(|| Refusal::bad_token("JWSError JWSInvalidSignature"))?;
        match claims.get("exp").and_then(Value::as_i64) {
            Some(expiry) if expiry <= now.as_second() => Err(Refusal::bad_token("JWT expired")),
            _ => Ok(claims),
        }
    }
}

impl Role {
    /// Whether the caller sees a row.
    pub(super) fn may_see(&self, table: &Table, row: &Row) -> bool {
        match self {
            Self::Service => true,
            Self::User(subject) => row.get(table.owner).and_then(Value::as_str) == Some(subject),
            Self::Anonymous => false,
        }
    }

    pub(super) fn may_write(&self, table: &Table, row: &Row) -> Result<(), Refusal> {
        if self.may_see(table, row) { Ok(()) } else { Err(Refusal::not_yours(table.name)) }
    }
}

fn subject(claims: &Value) -> Result<String, Refusal> {
    let subject = claims.get("sub").and_then(Value::as_str);
    subject.map(str::to_owned).ok_or_else(|| Refusal::bad_token("JWT has no subject"))
}

fn bearer<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn sign(secret: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn verify(secret: &str, token: &str) -> Option<Value> {
    let (signed, tag) = token.rsplit_once('.')?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
    let (_, claims) = signed.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}
