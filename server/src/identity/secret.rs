//! Tokens that are signed with a secret which the issuer and this server share.

use jsonwebtoken::{Algorithm, DecodingKey};
use pathway_engine::project::Secret;

use super::token::Token;

/// The secret, good for HS256 alone: a public key of the issuer never becomes one.
pub(super) struct SharedSecret(DecodingKey);

impl SharedSecret {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(DecodingKey::from_secret(secret.reveal().as_bytes()))
    }

    /// Whether the token was signed with it.
    pub(super) fn signed(&self, token: &Token<'_>) -> bool {
        token.algorithm == Algorithm::HS256 && token.is_signed_with(&self.0)
    }
}
