//! A value with the text that it was read from: what is handed on as it came is written as it came.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::decode::Decode;
use super::{JsonError, Value, from_json, to_json};

/// A value, and the JSON text of it where that is known.
#[derive(Clone, Default)]
pub struct Json {
    value: Value,
    text: Option<Arc<[u8]>>,
}

impl Json {
    /// Reads one JSON text, and keeps it.
    ///
    /// # Errors
    /// As [`from_json`].
    pub fn read(text: Arc<[u8]>) -> Result<Self, JsonError> {
        Ok(Self { value: from_json(&text)?, text: Some(text) })
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The value alone.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// The text that it was read from, or one that says the same, which it keeps.
    #[must_use]
    pub fn text(&mut self) -> Arc<[u8]> {
        let Self { value, text } = self;
        text.get_or_insert_with(|| to_json(value).into_bytes().into()).clone()
    }

    /// Keeps the value alone, which may take far less room.
    pub fn forget_text(&mut self) {
        self.text = None;
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self { value, text: None }
    }
}

impl Deref for Json {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

impl PartialEq for Json {
    /// How it was written does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text.as_deref().and_then(|text| serde_json::from_slice::<&RawValue>(text).ok());
        match text {
            Some(text) => text.serialize(serializer),
            None => self.value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Decode::<false>.deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Json {
        Json::read(text.as_bytes().into()).unwrap()
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for text in ["1", "1.50", r#"{"b":1,"a":[ 2 ],"b":3}"#, "\"\\u00e9\"", "[1e3]"] {
            assert_eq!(serde_json::to_string(&read(text)).unwrap(), text);
            let again: Json = serde_json::from_str(text).unwrap();
            assert_eq!(again, read(text), "{text}");
        }
        assert_eq!(serde_json::to_string(&read(" [1]\n")).unwrap(), "[1]");
    }

    #[test]
    fn a_value_alone_is_written_too() {
        let mut json = read("[1.50]");
        json.forget_text();
        assert_eq!(serde_json::to_string(&json).unwrap(), "[1.5]");
        assert_eq!(&*json.text(), b"[1.5]");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "[1", "nul", "1 2"] {
            assert!(Json::read(text.as_bytes().into()).is_err(), "{text}");
        }
    }
}
