//! Who may ask: how tokens are verified.

use super::reader::Reader;
use super::secret::Secret;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Fields;
use crate::reference::{Field, Object, Takes, Word};
use crate::source::Node;

const NOTHING_VERIFIES: Code = Code("PW0616");
const SHORT_SECRET: Code = Code("PW0640");
/// Bytes of a shared secret: as many as the hash that is signed with it (RFC 7518).
const SECRET_BYTES: usize = 32;

/// Its fields.
pub(super) static AUTH: Object = Object::new(
    "auth",
    &[
        Field::new("mode", Takes::Words(MODES), "whether tokens are verified"),
        Field::new("issuer", Takes::Plain, "`iss` that a token must have"),
        Field::new("jwks", Takes::Plain, "where the issuer's public keys are"),
        Field::new("secret", Takes::Plain, "the issuer's shared secret, from a variable"),
        Field::new("introspect", Takes::Plain, "a URL that knows whether a token is good"),
        Field::new("apikey", Takes::Plain, "what is sent to `introspect` beside the token"),
        Field::new("audience", Takes::Plain, "`aud` that a token must have"),
        Field::new("role", Takes::Plain, "`role` that a token must have"),
        Field::new("query_token", Takes::Words(PLACES), "where `access_token` may stand in the query"),
    ],
);

const MODES: &[Word] = &[
    Word("verified", "they are"),
    Word("unverified", "they are read and believed: for trials on your own machine"),
];
const PLACES: &[Word] = &[Word("never", "nowhere"), Word("streams", "in a GET of a stream")];

/// How the tokens of callers are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Whether they are verified at all.
    pub mode: Mode,
    /// `iss` that a token must have.
    pub issuer: Option<String>,
    /// Where the issuer's public keys are.
    pub jwks: Option<String>,
    /// The issuer's shared secret.
    pub secret: Option<Secret>,
    /// A URL that knows whether a token is good.
    pub introspect: Option<String>,
    /// What is sent to `introspect` beside the token, as header `apikey`.
    pub apikey: Option<Secret>,
    /// `aud` that a token must have.
    pub audience: Option<String>,
    /// `role` that a token must have.
    pub role: Option<String>,
    /// Where `access_token` may stand in the query.
    pub query_token: QueryToken,
}

/// Whether tokens are verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    #[default]
    Verified,
    /// They are read and believed: for trials on one's own machine.
    Unverified,
}

/// Where a token may stand in the query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QueryToken {
    /// Nowhere.
    #[default]
    Never,
    /// In a GET of a stream.
    Streams,
}

impl Auth {
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "`auth`", reader.diagnostics)?;
        let before = reader.diagnostics.len();
        let modes = [("verified", Mode::Verified), ("unverified", Mode::Unverified)];
        let places = [("never", QueryToken::Never), ("streams", QueryToken::Streams)];
        let auth = Self {
            mode: fields
                .take("mode")
                .and_then(|node| reader.choice(node, "`mode`", &modes))
                .unwrap_or_default(),
            issuer: fields.take("issuer").and_then(|node| reader.open_url(node, "`issuer`")),
            jwks: fields.take("jwks").and_then(|node| reader.open_url(node, "`jwks`")),
            secret: fields.take("secret").and_then(|node| shared_secret(node, reader)),
            introspect: fields.take("introspect").and_then(|node| reader.open_url(node, "`introspect`")),
            apikey: fields
                .take("apikey")
                .and_then(|node| reader.filled(node, "`apikey`"))
                .map(|key| Secret::new(key.value)),
            audience: fields
                .take("audience")
                .and_then(|node| reader.open(node, "`audience`"))
                .map(|text| text.value),
            role: fields.take("role").and_then(|node| reader.open(node, "`role`")).map(|text| text.value),
            query_token: fields
                .take("query_token")
                .and_then(|node| reader.choice(node, "`query_token`", &places))
                .unwrap_or_default(),
        };
        fields.finish(reader.diagnostics);
        let verifies = auth.secret.is_some() || auth.jwks.is_some() || auth.introspect.is_some();
        if auth.mode == Mode::Verified && !verifies && reader.diagnostics.len() == before {
            reader.push(
                Diagnostic::error(NOTHING_VERIFIES, "`auth` has nothing to verify a token with")
                    .at(node.span, "neither `secret`, `jwks` nor `introspect`")
                    .help("give one of them, or `mode: unverified` for trials on your own machine"),
            );
        }
        Some(auth)
    }
}

fn shared_secret(node: &Node, reader: &mut Reader<'_>) -> Option<Secret> {
    let secret = reader.filled(node, "`secret`")?.value;
    if secret.len() < SECRET_BYTES {
        reader.push(
            Diagnostic::warning(SHORT_SECRET, "the shared secret is short enough to be guessed")
                .at(node.span, format!("less than {SECRET_BYTES} bytes"))
                .help(format!("share {SECRET_BYTES} random bytes or more, or verify with `jwks`")),
        );
    }
    Some(Secret::new(secret))
}
