//! Keys of all kinds that sign tokens, and their public halves as an issuer publishes them.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value as Json, json};

/// Makes a signature.
type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A key that signs tokens.
pub(crate) struct Signer {
    /// `alg` and `kid` of its tokens.
    header: Json,
    sign: Sign,
    /// What is published of it.
    pub(crate) jwk: Json,
    /// The bytes of the public half.
    pub(crate) public: Vec<u8>,
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    /// A shared secret.
    pub(crate) fn hs256(secret: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self {
            header: json!({ "alg": "HS256", "typ": "JWT" }),
            sign: Box::new(move |message| hmac::sign(&key, message).as_ref().to_vec()),
            jwk: json!({ "kty": "oct", "alg": "HS256", "k": base64(secret) }),
            public: secret.to_vec(),
        }
    }

    pub(crate) fn es256(kid: &str) -> Self {
        Self::ecdsa(kid, "ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(crate) fn es384(kid: &str) -> Self {
        Self::ecdsa(kid, "ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    fn ecdsa(kid: &str, alg: &str, curve: &str, how: &'static EcdsaSigningAlgorithm) -> Self {
        let key = EcdsaKeyPair::generate(how).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let (x, y) = public[1..].split_at(public.len() / 2);
        let jwk = json!({
            "kty": "EC", "crv": curve, "x": base64(x), "y": base64(y),
            "kid": kid, "alg": alg, "use": "sig", "key_ops": ["verify"], "ext": true,
        });
        Self {
            header: json!({ "alg": alg, "kid": kid, "typ": "JWT" }),
            sign: Box::new(move |message| key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()),
            jwk,
            public,
        }
    }

    pub(crate) fn eddsa(kid: &str) -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let public = key.public_key().as_ref().to_vec();
        Self {
            header: json!({ "alg": "EdDSA", "kid": kid }),
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(&public), "kid": kid }),
            sign: Box::new(move |message| key.sign(message).as_ref().to_vec()),
            public,
        }
    }

    pub(crate) fn rs256(kid: &str) -> Self {
        Self::rsa(kid, "RS256", &RSA_PKCS1_SHA256)
    }

    pub(crate) fn ps512(kid: &str) -> Self {
        Self::rsa(kid, "PS512", &RSA_PSS_SHA512)
    }

    fn rsa(kid: &str, alg: &str, how: &'static dyn RsaEncoding) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let jwk = Jwk::from_decoding_key(&DecodingKey::from_rsa_der(&public), None).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(kid);
        Self {
            header: json!({ "alg": alg, "kid": kid }),
            sign: Box::new(move |message| {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(how, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }),
            jwk,
            public,
        }
    }

    pub(crate) fn token(&self, claims: &Json) -> String {
        self.token_with(&self.header, claims)
    }

    /// With another header than the one that it should have.
    pub(crate) fn token_with(&self, header: &Json, claims: &Json) -> String {
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = (self.sign)(message.as_bytes());
        format!("{message}.{}", base64(signature))
    }

    /// With a field of the header changed.
    pub(crate) fn token_where(&self, name: &str, value: Json, claims: &Json) -> String {
        let mut header = self.header.clone();
        header[name] = value;
        self.token_with(&header, claims)
    }
}
