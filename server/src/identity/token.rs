//! A JSON Web Token as text: three parts, of which nothing is believed yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use pathway_engine::{Value, value};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Refusal;

/// Bytes of a token.
const LONGEST: usize = 16 << 10;

const NO_TOKEN: Refusal = Refusal::Bad("the token is not a JSON Web Token");

/// The algorithms that are known at all; which of them a key may be used with is up to the key.
/// `none` is not among them.
const ALGORITHMS: [(&str, Algorithm); 10] = [
    ("HS256", Algorithm::HS256),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("EdDSA", Algorithm::EdDSA),
];

/// A token that was read.
pub(super) struct Token<'a> {
    /// What it says it is signed with.
    pub(super) algorithm: Algorithm,
    /// Which key it says signed it.
    pub(super) kid: Option<String>,
    /// What it says.
    pub(super) claims: Value,
    message: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: we understand none.
    crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (header, payload, signature) = split(text)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| NO_TOKEN)?;
        let algorithm = ALGORITHMS.iter().find(|(name, _)| *name == header.alg);
        let Some((_, algorithm)) = algorithm.filter(|_| header.crit.is_none()) else {
            return Err(Refusal::Bad("tokens that are signed so are not accepted"));
        };
        let claims = object(payload)?;
        let message = text.get(..text.len() - signature.len() - 1).unwrap_or_default();
        Ok(Self { algorithm: *algorithm, kid: header.kid, claims, message, signature })
    }

    /// Whether `key` signed it with the algorithm that it names, which the caller has allowed for
    /// this key.
    pub(super) fn is_signed_with(&self, key: &DecodingKey) -> bool {
        crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm).unwrap_or(false)
    }
}

/// What a token claims, whoever signed it.
pub(super) fn claims(text: &str) -> Result<Value, Refusal> {
    let (_header, payload, _signature) = split(text)?;
    object(payload.trim_end_matches('='))
}

fn split(text: &str) -> Result<(&str, &str, &str), Refusal> {
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) if text.len() <= LONGEST => {
            Ok((header, payload, signature))
        }
        _ => Err(NO_TOKEN),
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| NO_TOKEN)
}

fn object(part: &str) -> Result<Value, Refusal> {
    let claims = value::from_json(&decode(part)?).map_err(|_| NO_TOKEN)?;
    if value::is_map(&claims) { Ok(claims) } else { Err(NO_TOKEN) }
}
