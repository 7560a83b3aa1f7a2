//! Values as JSON from which they come back as they were.
//!
//! What JSON can hold is written as JSON. All else is a map with the one key `$`, and so is a map
//! that could be taken for that: undefined, numbers that a reader would round, bytes, and keys
//! that are no text. What is not a plain value, such as an iterator, is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess};
use serde::ser::{Error as _, SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

use super::decode::Decode;
use super::{Value, ValueKind};

/// The key of what JSON cannot hold.
pub(super) const MARK: &str = "$";

/// A value to be written.
#[derive(Clone, Copy)]
pub(super) struct Exact<'a>(pub(super) &'a Value);

/// A value that was read.
pub(super) struct Exactly(pub(super) Value);

/// What JSON cannot hold.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Marked<V> {
    Undefined,
    /// A whole number of more than 64 bits.
    Int(String),
    /// A number by its bits.
    Bits(u64),
    Bytes(String),
    Map(Vec<(V, V)>),
}

/// Writes a value.
pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    Exact(value).serialize(serializer)
}

/// Reads a value.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Exactly::deserialize(deserializer).map(|Exactly(value)| value)
}

/// Values by names that are no text.
pub(crate) mod pairs {
    use super::*;

    pub(crate) fn serialize<K: Serialize, S: Serializer>(
        pairs: &[(K, Value)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(pairs.iter().map(|(key, value)| (key, Exact(value))))
    }

    pub(crate) fn deserialize<'de, K: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<[(K, Value)]>, D::Error> {
        let read = Vec::<(K, Exactly)>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|(key, Exactly(value))| (key, value)).collect())
    }
}

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value) = self;
        match value.kind() {
            ValueKind::Undefined => marked(&Marked::Undefined, serializer),
            ValueKind::None => serializer.serialize_unit(),
            ValueKind::Bool => serializer.serialize_bool(value.is_true()),
            ValueKind::Number => number(value, serializer),
            ValueKind::String => match value.as_str() {
                Some(text) => serializer.serialize_str(text),
                None => Err(S::Error::custom("text that is none")),
            },
            ValueKind::Bytes => {
                let bytes = STANDARD.encode(value.as_bytes().unwrap_or_default());
                marked(&Marked::Bytes(bytes), serializer)
            }
            ValueKind::Seq => {
                let items = value.try_iter().map_err(S::Error::custom)?;
                let mut list = serializer.serialize_seq(value.len())?;
                for item in items {
                    list.serialize_element(&Exact(&item))?;
                }
                list.end()
            }
            ValueKind::Map => map(value, serializer),
            kind => Err(S::Error::custom(format!("{kind} cannot be kept"))),
        }
    }
}

fn marked<S: Serializer>(what: &Marked<Exact<'_>>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(MARK, what)?;
    map.end()
}

fn number<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_integer() {
        if let Ok(whole) = u64::try_from(value.clone()) {
            return serializer.serialize_u64(whole);
        }
        if let Ok(whole) = i64::try_from(value.clone()) {
            return serializer.serialize_i64(whole);
        }
        return marked(&Marked::Int(value.to_string()), serializer);
    }
    let number = f64::try_from(value.clone()).map_err(S::Error::custom)?;
    let read: Option<f64> =
        serde_json::to_string(&number).ok().and_then(|text| serde_json::from_str(&text).ok());
    match read.is_some_and(|read| read.to_bits() == number.to_bits()) {
        true => serializer.serialize_f64(number),
        false => marked(&Marked::Bits(number.to_bits()), serializer),
    }
}

fn map<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let pairs = || value.as_object().and_then(|object| object.try_iter_pairs()).into_iter().flatten();
    let is_text = |key: &Value| key.kind() == ValueKind::String && key.as_str() != Some(MARK);
    if !pairs().all(|(key, _)| is_text(&key)) {
        let pairs: Vec<(Value, Value)> = pairs().collect();
        let pairs = pairs.iter().map(|(key, value)| (Exact(key), Exact(value))).collect();
        return marked(&Marked::Map(pairs), serializer);
    }
    let mut map = serializer.serialize_map(value.len())?;
    for (key, value) in pairs() {
        map.serialize_entry(key.as_str().unwrap_or_default(), &Exact(&value))?;
    }
    map.end()
}

impl<'de> Deserialize<'de> for Exactly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Decode::<true>.deserialize(deserializer).map(Self)
    }
}

/// The value that is marked so.
pub(super) fn unmarked<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Value, A::Error> {
    Ok(match entries.next_value::<Marked<Exactly>>()? {
        Marked::Undefined => Value::UNDEFINED,
        Marked::Int(digits) => match digits.parse::<i128>() {
            Ok(whole) => Value::from(whole),
            Err(_) => Value::from(digits.parse::<u128>().map_err(A::Error::custom)?),
        },
        Marked::Bits(bits) => Value::from(f64::from_bits(bits)),
        Marked::Bytes(text) => Value::from_bytes(STANDARD.decode(text).map_err(A::Error::custom)?),
        Marked::Map(pairs) => {
            super::map(pairs.into_iter().map(|(Exactly(key), Exactly(value))| (key, value)))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn again(value: &Value) -> Value {
        let text = serde_json::to_string(&Exact(value)).unwrap();
        serde_json::from_str::<Exactly>(&text).unwrap().0
    }

    /// All that can be told of a value.
    fn told(value: &Value) -> String {
        let inner = match value.kind() {
            ValueKind::Seq => value.try_iter().unwrap().map(|item| told(&item)).collect(),
            ValueKind::Map => {
                let pairs = value.as_object().unwrap().try_iter_pairs().unwrap();
                pairs.map(|(key, value)| format!("{}={}", told(&key), told(&value))).collect()
            }
            ValueKind::Number if !value.is_integer() => {
                vec![format!("{:x}", f64::try_from(value.clone()).unwrap().to_bits())]
            }
            ValueKind::Bytes => vec![format!("{:?}", value.as_bytes())],
            _ => vec![value.to_string()],
        };
        format!("{:?}{inner:?}", value.kind())
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::UNDEFINED),
            Just(Value::from(())),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i128>().prop_map(Value::from),
            any::<u128>().prop_map(Value::from),
            any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))),
            any::<f64>().prop_map(Value::from),
            (-3_i32..3).prop_map(|n| Value::from(f64::from(n))),
            ".{0,6}".prop_map(Value::from),
            any::<Vec<u8>>().prop_map(Value::from_bytes),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let key = prop_oneof![
                Just(Value::from(MARK)),
                "[a-c]{1,2}".prop_map(Value::from),
                (-2_i64..3).prop_map(Value::from),
                any::<bool>().prop_map(Value::from),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..15).prop_map(Value::from_pairs),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_comes_back_as_it_was(value in value()) {
            prop_assert_eq!(told(&again(&value)), told(&value));
        }
    }

    #[test]
    fn what_is_json_is_written_as_it_is() {
        let text = r#"{"z":[1,-2,2.5,1.0,true,null,"$"],"a":{"b":{}}}"#;
        let value = super::super::from_json(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&Exact(&value)).unwrap(), text);
    }

    #[test]
    fn what_is_no_plain_value_is_refused() {
        let value = Value::from(vec![Value::make_iterable(|| 0..3)]);
        assert!(serde_json::to_string(&Exact(&value)).is_err());
    }
}
