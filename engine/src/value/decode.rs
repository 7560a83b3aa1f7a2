//! JSON → values, with small maps as rows.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Value;
use super::exact::{MARK, unmarked};
use super::map::MapBuilder;

/// Decodes one value: as the JSON that it is, or what was written as [`super::exact`] does.
#[derive(Clone, Copy)]
pub(super) struct Decode<const EXACT: bool>;

impl<'de, const EXACT: bool> DeserializeSeed<'de> for Decode<EXACT> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const EXACT: bool> Visitor<'de> for Decode<EXACT> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::from(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = MapBuilder::with_capacity(0);
        while let Some(key) = entries.next_key_seed(self)? {
            if EXACT && key.as_str() == Some(MARK) {
                return unmarked(entries);
            }
            map.insert(key, entries.next_value_seed(self)?);
        }
        Ok(map.finish())
    }
}
