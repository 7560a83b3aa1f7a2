//! A set of published keys (RFC 7517), and what each may be used for.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::token::Token;

/// Keys of a set: a token without `kid` is tried with each of its kind.
const MANY: usize = 32;

/// The keys that signatures can be verified with.
pub(super) struct KeySet(Vec<Key>);

struct Key {
    kid: Option<String>,
    /// What the kind of the key allows, and the key itself.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Keys that are for something else, or unknown to us, are passed over.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let published: Published =
            serde_json::from_slice(json).map_err(|_| "the answer is not a set of keys".to_owned())?;
        let keys = published.keys.into_iter();
        let jwks = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(Self(jwks.filter_map(|jwk| Key::of(&jwk)).take(MANY).collect()))
    }

    /// Whether one of the keys that may have signed the token did; none where there is no such key.
    pub(super) fn signed(&self, token: &Token<'_>) -> Option<bool> {
        let mut keys = self.0.iter().filter(|key| key.may_have_signed(token)).peekable();
        keys.peek()?;
        Some(keys.any(|key| token.is_signed_with(&key.key)))
    }

    /// Whether there is any key for this algorithm.
    pub(super) fn has_any_for(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.algorithms.contains(&algorithm))
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature)
                && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let mut algorithms = algorithms(&jwk.algorithm).to_vec();
        if let Some(only) = common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        if !is_for_signatures || algorithms.is_empty() {
            return None;
        }
        Some(Self { kid: common.key_id.clone(), algorithms, key: DecodingKey::from_jwk(jwk).ok()? })
    }

    fn may_have_signed(&self, token: &Token<'_>) -> bool {
        let is_named = match (&self.kid, &token.kid) {
            (Some(kid), Some(named)) => kid == named,
            _ => true,
        };
        is_named && self.algorithms.contains(&token.algorithm)
    }
}

/// What a key of this kind can sign with. Never a published secret: everybody has it.
const fn algorithms(kind: &AlgorithmParameters) -> &'static [Algorithm] {
    match kind {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) => match key.curve {
            EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => &[],
        },
        _ => &[],
    }
}
