//! What an effect asks for, in sixteen bytes: how a replay notices that it asks for something
//! else than the journal says.
//!
//! Each part goes in with its kind and length, so that no two requests share an encoding. Maps
//! are ordered by key, and a whole number is the same with and without a fraction of zero:
//! neither order nor `2.0` need survive a store. The values of headers stay out. They are where
//! a step puts the secrets it gives itself, and a secret that is renewed while a run is under
//! way must not make the run another one.

use std::fmt;

use minijinja::value::ValueKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Body, Effect, HttpRequest};
use crate::Value;

/// The hash of what an effect asks for; written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RequestHash([u8; 16]);

impl RequestHash {
    /// For answers that are never replayed: no journal has them.
    pub const NONE: Self = Self([0; 16]);

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for RequestHash {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RequestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for RequestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHash({self})")
    }
}

impl From<RequestHash> for String {
    fn from(hash: RequestHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for RequestHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.map(|number| Self(number.to_be_bytes())).ok_or("a request hash is 32 hexadecimal digits")
    }
}

impl HttpRequest {
    /// The hash of what it asks for: not of how long it may take or what is done with the pieces
    /// of a stream.
    #[must_use]
    pub fn hash(&self) -> RequestHash {
        let mut hasher = Hasher::new("http");
        hasher.text(&self.service);
        hasher.text(&format!("{:?}", self.method));
        hasher.text(&self.path);
        hasher.pairs(&self.query);
        hasher.names(&self.headers);
        hasher.body(&self.body);
        hasher.count(self.accept.len());
        for status in &self.accept {
            hasher.count(usize::from(*status));
        }
        hasher.text(&format!("{:?}", self.parse));
        hasher.finish()
    }
}

impl Effect {
    /// The hash of what it asks for, of effects whose outcome the journal records.
    #[must_use]
    pub fn hash(&self) -> Option<RequestHash> {
        let hasher = match self {
            Self::Http { request, .. } => return Some(request.hash()),
            Self::Publish { topic, key, value, headers, .. } => {
                let mut hasher = Hasher::new("publish");
                hasher.text(topic);
                hasher.count(usize::from(key.is_some()));
                hasher.text(key.as_deref().unwrap_or_default());
                hasher.value(value);
                hasher.names(headers);
                hasher
            }
            Self::Emit { value, .. } => {
                let mut hasher = Hasher::new("emit");
                hasher.value(value);
                hasher
            }
            Self::Child { pathway, input, .. } => {
                let mut hasher = Hasher::new("child");
                hasher.text(pathway);
                hasher.value(input);
                hasher
            }
            Self::Await { name, from, .. } => {
                let mut hasher = Hasher::new("await");
                hasher.text(name);
                hasher.count(usize::from(from.is_some()));
                hasher.text(from.as_deref().unwrap_or_default());
                hasher
            }
            Self::Claim { step, key, .. } => {
                let mut hasher = Hasher::new("claim");
                hasher.text(step);
                hasher.text(key);
                hasher
            }
            Self::Release { .. } | Self::Timer { .. } | Self::Abandon { .. } | Self::Ended { .. } => {
                return None;
            }
        };
        Some(hasher.finish())
    }
}

struct Hasher(Sha256);

impl Hasher {
    fn new(kind: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.text(kind);
        hasher
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }

    fn pairs(&mut self, pairs: &[(String, String)]) {
        self.count(pairs.len());
        for (name, value) in pairs {
            self.text(name);
            self.text(value);
        }
    }

    fn names(&mut self, pairs: &[(String, String)]) {
        self.count(pairs.len());
        for (name, _) in pairs {
            self.text(&name.to_ascii_lowercase());
        }
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Empty => self.text("empty"),
            Body::Json(value) => {
                self.text("json");
                self.value(value);
            }
            Body::Form(fields) => {
                self.text("form");
                self.pairs(fields);
            }
            Body::Multipart(fields) => {
                self.text("multipart");
                self.pairs(fields);
            }
            Body::Text(text) => {
                self.text("text");
                self.text(text);
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.0.update(b"n"),
            ValueKind::Bool => self.0.update(if value.is_true() { b"t" } else { b"f" }),
            ValueKind::Number => self.number(value),
            ValueKind::Bytes => {
                let bytes = value.as_bytes().unwrap_or_default();
                self.0.update(b"b");
                self.count(bytes.len());
                self.0.update(bytes);
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter().map(Iterator::collect).unwrap_or_default();
                self.0.update(b"l");
                self.count(items.len());
                for item in &items {
                    self.value(item);
                }
            }
            ValueKind::Map => {
                let keys = value.try_iter().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
                let mut keys: Vec<(String, Value)> =
                    keys.into_iter().map(|key| (key.to_string(), key)).collect();
                keys.sort_by(|(a, _), (b, _)| a.cmp(b));
                self.0.update(b"m");
                self.count(keys.len());
                for (name, key) in &keys {
                    self.text(name);
                    self.value(&value.get_item(key).unwrap_or_default());
                }
            }
            _ => {
                self.0.update(b"s");
                match value.as_str() {
                    Some(text) => self.text(text),
                    None => self.text(&value.to_string()),
                }
            }
        }
    }

    /// Whole numbers by their digits, whatever their type; others by their bits.
    fn number(&mut self, value: &Value) {
        if let Ok(whole) = i128::try_from(value.clone()) {
            self.0.update(b"i");
            self.0.update(whole.to_le_bytes());
        } else {
            let number = f64::try_from(value.clone()).unwrap_or(f64::NAN);
            self.0.update(b"d");
            self.0.update(number.to_bits().to_le_bytes());
        }
    }

    fn finish(self) -> RequestHash {
        let digest: [u8; 32] = self.0.finalize().into();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        RequestHash(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::vm::{Method, Parse, Stream};

    fn request() -> HttpRequest {
        HttpRequest {
            service: "shop".into(),
            method: Method::Post,
            path: "/orders".into(),
            query: vec![("a".into(), "1".into())],
            headers: vec![("Prefer".into(), "return=minimal".into())],
            body: Body::Json(json(r#"{"id": 1, "lines": [{"n": 2}]}"#)),
            accept: vec![404],
            parse: Parse::Auto,
            stream: Stream::default(),
            timeout: None,
        }
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn publish(key: Option<&str>, value: Value) -> Effect {
        let key = key.map(String::from);
        Effect::Publish { instance: "a".into(), attempt: 1, topic: "t".into(), key, value, headers: vec![] }
    }

    fn claim(step: &str, key: &str) -> Effect {
        Effect::Claim { instance: "a?".into(), attempt: 1, step: step.into(), key: key.into() }
    }

    #[test]
    fn every_part_of_a_request_counts() {
        let changes: [fn(&mut HttpRequest); 11] = [
            |r| r.service = "other".into(),
            |r| r.method = Method::Put,
            |r| r.path = "/order".into(),
            |r| r.query = vec![("a1".into(), String::new())],
            |r| r.query.clear(),
            |r| r.headers = vec![("Accept".into(), "return=minimal".into())],
            |r| r.body = Body::Text(r#"{"id":1,"lines":[{"n":2}]}"#.into()),
            |r| r.body = Body::Json(json(r#"{"id": 1, "lines": [{"n": 3}]}"#)),
            |r| r.body = Body::Empty,
            |r| r.accept = vec![404, 409],
            |r| r.parse = Parse::Text,
        ];
        let mut seen = vec![request().hash()];
        for change in changes {
            let mut changed = request();
            change(&mut changed);
            assert!(!seen.contains(&changed.hash()), "{changed:?}");
            seen.push(changed.hash());
        }
    }

    #[test]
    fn what_does_not_change_the_request_does_not_count() {
        let mut other = request();
        other.timeout = Some(Duration::from_secs(1));
        other.stream.emit = true;
        other.headers = vec![("prefer".into(), "a renewed secret".into())];
        other.body = Body::Json(json(r#"{"lines": [{"n": 2.0}], "id": 1}"#));
        assert_eq!(request().hash(), other.hash());
        assert_eq!(
            Some(request().hash()),
            Effect::Http {
                instance: "x".into(),
                attempt: 3,
                request: Arc::new(request()),
                at_most_once: false,
                retry: None,
            }
            .hash()
        );
    }

    #[test]
    fn effects_of_different_kinds_or_content_differ() {
        let value = || json(r#"{"a": [1, "1", 1.5, true, null]}"#);
        let hashes = [
            publish(None, value()).hash(),
            publish(Some(""), value()).hash(),
            publish(Some("k"), value()).hash(),
            publish(Some("k"), json(r#"{"a": [1, 1, 1.5, true, null]}"#)).hash(),
            Effect::Emit { instance: "a".into(), attempt: 1, value: value() }.hash(),
            Effect::Child { instance: "a".into(), attempt: 1, pathway: "t".into(), input: value() }.hash(),
            Effect::Await { instance: "a".into(), attempt: 1, name: "t".into(), from: None }.hash(),
            claim("t", "").hash(),
            claim("t", "k").hash(),
            claim("", "t").hash(),
        ];
        for (index, hash) in hashes.iter().enumerate() {
            assert!(hash.is_some());
            assert!(!hashes[..index].contains(hash));
        }
        assert_eq!(Effect::Abandon { instance: "a".into() }.hash(), None);
    }

    /// The journal of a run outlives the engine that began it.
    #[test]
    fn the_hash_does_not_change_between_versions() {
        assert_eq!(request().hash().to_string(), "03bea4ed85a025817210ce977a952046");
    }

    #[test]
    fn it_is_written_as_hexadecimal_digits() {
        let hash = RequestHash::from([0; 16]);
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{}\"", "0".repeat(32)));
        assert_eq!(serde_json::from_str::<RequestHash>(&format!("\"{}\"", "0".repeat(32))).unwrap(), hash);
        for bad in ["", "+0000000000000000000000000000001", "xx"] {
            assert!(RequestHash::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,8}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn equal_after_a_round_trip_through_json(value in any_json()) {
            let value: Value = serde_json::from_value(value).unwrap();
            let again: Value = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
            prop_assert_eq!(publish(None, value).hash(), publish(None, again).hash());
        }
    }
}
