//! The value that expressions read, and JSON.
//!
//! JSON is decoded once, straight into [`Value`]: whole numbers of 64 bits are exact, maps keep
//! their order, of a key written twice the last value counts, and nesting is bounded.

pub use minijinja::value::ValueKind;
use serde::Deserialize;

/// The JSON-like value that expressions read: cheap to clone, shared, decoded once.
pub use minijinja::Value;

/// How deep a value may nest.
pub const MAX_DEPTH: usize = 120;

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

/// Reads one JSON text.
///
/// # Errors
/// What is not JSON, is not UTF-8 or nests deeper than [`MAX_DEPTH`].
pub fn from_json(bytes: &[u8]) -> Result<Value, JsonError> {
    let value: Value = serde_json::from_slice(bytes)?;
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
    Value::deserialize(json).unwrap_or_default()
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

/// Whether `value` nests deeper than [`MAX_DEPTH`].
#[must_use]
pub fn too_deep(value: &Value) -> bool {
    deeper_than(value, MAX_DEPTH)
}

fn deeper_than(value: &Value, depth: usize) -> bool {
    let mut items = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.try_iter().into_iter().flatten(),
        ValueKind::Map => {
            let Some(mut pairs) = value.as_object().and_then(|map| map.try_iter_pairs()) else {
                return false;
            };
            return depth == 0 || pairs.any(|(_, item)| deeper_than(&item, depth - 1));
        }
        _ => return false,
    };
    depth == 0 || items.any(|item| deeper_than(&item, depth - 1))
}
