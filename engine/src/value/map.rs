//! Small maps: entries in a row, found by comparing keys one after the other.
//!
//! Most maps of a run have a handful of keys: records, answers, outputs of steps. There, a scan
//! is faster than hashing, and a row is made without a hash table. It is never changed.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectExt, ValueKind};

use super::Value;

/// Keys of the largest map that is kept as a row.
const MOST: usize = 12;

/// A map that is being made. A key that comes again keeps its place and takes the later value.
#[derive(Debug)]
pub(crate) enum MapBuilder {
    /// No key twice.
    Row(Vec<(Value, Value)>),
    Hashed(IndexMap<Value, Value>),
}

impl MapBuilder {
    pub(crate) fn with_capacity(keys: usize) -> Self {
        match keys {
            0..=MOST => Self::Row(Vec::with_capacity(keys)),
            _ => Self::Hashed(IndexMap::with_capacity(keys)),
        }
    }

    pub(crate) fn insert(&mut self, key: Value, value: Value) {
        match self {
            Self::Row(row) => {
                if let Some((_, known)) = row.iter_mut().find(|(known, _)| *known == key) {
                    *known = value;
                } else if row.len() < MOST {
                    row.push((key, value));
                } else {
                    let row = std::mem::take(row);
                    *self = Self::Hashed(row.into_iter().chain([(key, value)]).collect());
                }
            }
            Self::Hashed(map) => {
                map.insert(key, value);
            }
        }
    }

    pub(crate) fn finish(self) -> Value {
        match self {
            Self::Row(row) => Value::from_object(Row(row)),
            Self::Hashed(map) => Value::from(map),
        }
    }
}

/// Entries in their order; no key twice.
#[derive(Debug)]
pub(super) struct Row(Vec<(Value, Value)>);

impl Row {
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let is_it = |known: &Value| known.as_str() == Some(key) && known.kind() == ValueKind::String;
        self.0.iter().find(|(known, _)| is_it(known)).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_rev_key_value_enumerator(|row| {
            Box::new(row.0.iter().map(|(key, value)| (key.clone(), value.clone())))
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(pairs: &[(Value, Value)], capacity: usize) -> Value {
        let mut map = MapBuilder::with_capacity(capacity);
        for (key, value) in pairs {
            map.insert(key.clone(), value.clone());
        }
        map.finish()
    }

    fn key() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[a-d]{0,2}".prop_map(Value::from),
            "[a-b]{30}".prop_map(Value::from),
            (-2_i64..20).prop_map(Value::from),
            prop_oneof![Just(0.0), Just(1.0), Just(1.5)].prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn it_is_the_map_that_hashing_makes(
            pairs in prop::collection::vec((key(), (0_i64..100).prop_map(Value::from)), 0..30),
            asked in prop::collection::vec(key(), 8),
            capacity in 0_usize..20,
        ) {
            let ours = made(&pairs, capacity);
            let theirs = Value::from(pairs.iter().cloned().collect::<IndexMap<_, _>>());
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(&theirs, &ours);
            prop_assert_eq!(super::super::to_json(&ours), super::super::to_json(&theirs));
            prop_assert_eq!(ours.len(), theirs.len());
            prop_assert_eq!(ours.cmp(&theirs), std::cmp::Ordering::Equal);
            for key in asked.iter().chain(pairs.iter().map(|(key, _)| key)) {
                prop_assert_eq!(ours.get_item(key).unwrap(), theirs.get_item(key).unwrap());
                if let Some(name) = key.as_str() {
                    prop_assert_eq!(ours.get_attr(name).unwrap(), theirs.get_attr(name).unwrap());
                }
            }
        }
    }

    #[test]
    fn it_is_iterated_from_both_ends() {
        let map = made(&[("a".into(), 1.into()), ("b".into(), 2.into())], 2);
        let keys = |values: Value| -> Vec<String> {
            values.try_iter().unwrap().map(|key| key.to_string()).collect()
        };
        assert_eq!(keys(map.clone()), ["a", "b"]);
        assert_eq!(keys(map.reverse().unwrap()), ["b", "a"]);
    }
}
