//! The value that expressions read, and JSON.
//!
//! JSON is decoded once, straight into [`Value`]: whole numbers of 64 bits are exact, maps keep
//! their order, of a key written twice the last value counts, and nesting is bounded.

mod decode;
pub(crate) mod exact;
mod json;
mod map;
pub(crate) mod sparse;

use indexmap::IndexMap;
pub use minijinja::value::ValueKind;
use serde::de::DeserializeSeed;

pub use json::Json;
pub(crate) use map::MapBuilder;

/// The JSON-like value that expressions read: cheap to clone, shared, decoded once.
pub use minijinja::Value;

/// How deep a value may nest.
pub const MAX_DEPTH: usize = 120;

/// How many values may be in one; a part that is shared counts as often as it stands there.
pub const MAX_COUNT: usize = 1_000_000;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct JsonError {
    /// What is wrong, without the place.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = said.strip_suffix(&place).unwrap_or(&said).to_owned();
        Self { message, line: error.line(), column: error.column() }
    }
}

/// A map of these pairs; a key that comes again keeps its place and takes the later value.
pub fn map<K: Into<Value>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
    let pairs = pairs.into_iter();
    let mut map = MapBuilder::with_capacity(pairs.size_hint().0);
    for (key, value) in pairs {
        map.insert(key.into(), value);
    }
    map.finish()
}

/// Reads one JSON text.
///
/// # Errors
/// What is not JSON, is not UTF-8 or nests deeper than [`MAX_DEPTH`].
pub fn from_json(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = decode::Decode::<false>.deserialize(&mut json)?;
    json.end()?;
    match too_deep(&value) {
        true => Err(JsonError { message: "nested too deeply".into(), line: 1, column: 1 }),
        false => Ok(value),
    }
}

/// `value` as compact JSON, keys in their order. Undefined is null.
#[must_use]
pub fn to_json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Writes `value` as compact JSON.
///
/// # Errors
/// What the writer refuses, and keys that are neither text, numbers nor booleans.
pub fn to_json_writer(writer: impl std::io::Write, value: &Value) -> std::io::Result<()> {
    serde_json::to_writer(writer, value).map_err(Into::into)
}

/// A value of the same content.
#[must_use]
pub fn from_serde(json: &serde_json::Value) -> Value {
    decode::Decode::<false>.deserialize(json).unwrap_or_default()
}

/// JSON of the same content. Undefined is null.
#[must_use]
pub fn to_serde(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Whether `value` is a map, as opposed to a list, a scalar or none.
#[must_use]
pub fn is_map(value: &Value) -> bool {
    value.kind() == ValueKind::Map
}

/// The map `value` with `field` as its last entry, instead of one that it had; anything but a map
/// as it is.
#[must_use]
pub fn with_field(value: &Value, field: &str, item: Value) -> Value {
    let pairs = value.as_object().filter(|_| is_map(value)).and_then(|map| map.try_iter_pairs());
    let Some(pairs) = pairs else { return value.clone() };
    let others = pairs.filter(|(key, _)| key.as_str() != Some(field));
    Value::from_pairs(others.chain([(Value::from(field), item)]))
}

/// Whether `value` is a map with `field`.
#[must_use]
pub fn has_field(value: &Value, field: &str) -> bool {
    is_map(value) && value.get_attr(field).is_ok_and(|found| !found.is_undefined())
}

/// `value`, if it is a map, without `field`.
#[must_use]
pub fn without_field(value: &Value, field: &str) -> Value {
    let pairs = value.as_object().filter(|_| is_map(value)).and_then(|map| map.try_iter_pairs());
    match pairs {
        Some(pairs) => Value::from_pairs(pairs.filter(|(key, _)| key.as_str() != Some(field))),
        None => value.clone(),
    }
}

/// Whether `value` nests deeper than [`MAX_DEPTH`] or holds more than [`MAX_COUNT`] values.
#[must_use]
pub fn too_deep(value: &Value) -> bool {
    measure(value).is_none()
}

/// How many values are in `value`, itself included; `None` if there are more than [`MAX_COUNT`],
/// or it nests deeper than [`MAX_DEPTH`].
pub(crate) fn measure(value: &Value) -> Option<usize> {
    let mut left = MAX_COUNT;
    take_away(value, MAX_DEPTH, &mut left)?;
    Some(MAX_COUNT - left)
}

fn take_away(value: &Value, depth: usize, left: &mut usize) -> Option<()> {
    *left = left.checked_sub(1)?;
    if value.as_object().is_none() {
        return Some(());
    }
    let depth = depth.checked_sub(1)?;
    // What JSON is decoded to is looked into without cloning what they hold.
    if let Some(list) = value.downcast_object_ref::<Vec<Value>>() {
        list.iter().try_for_each(|item| take_away(item, depth, left))
    } else if let Some(row) = value.downcast_object_ref::<map::Row>() {
        row.values().try_for_each(|item| take_away(item, depth, left))
    } else if let Some(map) = value.downcast_object_ref::<IndexMap<Value, Value>>() {
        map.values().try_for_each(|item| take_away(item, depth, left))
    } else if let Some(mut pairs) = value.as_object().and_then(|object| object.try_iter_pairs()) {
        pairs.try_for_each(|(_, item)| take_away(&item, depth, left))
    } else {
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(json: &str) -> String {
        to_json(&from_json(json.as_bytes()).unwrap())
    }

    #[test]
    fn json_keeps_numbers_and_order() {
        for json in [
            "9007199254740993",
            "-9223372036854775808",
            "18446744073709551615",
            "1.0",
            "0.1",
            "1e-7",
            "1.7976931348623157e+308",
            r#"{"z":1,"a":{"y":[],"b":null},"A":"\u0001é\n"}"#,
            r#"[true,false,null,"",{}]"#,
        ] {
            assert_eq!(round(json), json, "{json}");
        }
        assert_eq!(round(" [ 1 , 2.50 ] "), "[1,2.5]");
    }

    #[test]
    fn of_a_key_written_twice_the_last_value_counts() {
        assert_eq!(round(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for json in ["", "{", "[1,]", "nul", "1 2", "'a'", "1e999", "\u{7f}", "{1:2}"] {
            assert!(from_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(from_json(b"\"\xff\"").is_err());
        let error = from_json(b"{\n  \"a\": x}").unwrap_err();
        assert_eq!((error.line, error.message.as_str()), (2, "expected value"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(from_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(from_json(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(from_json(nested(1_000_000).as_bytes()).is_err());
        let mut value = Value::from(1);
        for _ in 0..MAX_DEPTH {
            value = Value::from_pairs([("in", value)]);
        }
        assert!(!too_deep(&value));
        assert!(too_deep(&Value::from(vec![value])));
    }

    #[test]
    fn size_is_bounded_and_what_is_shared_counts_as_often_as_it_is_there() {
        let mut value = Value::from(1);
        for _ in 0..100 {
            value = Value::from(vec![value.clone(), value]);
        }
        assert!(too_deep(&value));
        assert_eq!(measure(&Value::from(vec![1, 2, 3])), Some(4));
    }

    #[test]
    fn serde_values_convert_both_ways() {
        let json = serde_json::json!({ "z": [1, 2.5, null, true], "a": { "k": u64::MAX, "n": i64::MIN } });
        assert_eq!(to_serde(&from_serde(&json)).to_string(), json.to_string());
    }

    #[test]
    fn undefined_is_null() {
        assert_eq!(to_json(&Value::UNDEFINED), "null");
        assert_eq!(to_serde(&Value::UNDEFINED), serde_json::Value::Null);
    }
}
