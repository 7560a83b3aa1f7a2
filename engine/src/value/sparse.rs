//! Lists of which many values may be absent, as they come back: stretches of values, and how many are
//! absent between them.

use std::fmt;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::exact::{Exact, Exactly};
use super::{MAX_COUNT, Value};

enum Stretch<T> {
    There(Vec<T>),
    Absent(usize),
}

pub(crate) fn serialize<S: Serializer>(values: &[Option<Value>], serializer: S) -> Result<S::Ok, S::Error> {
    let alike = values.chunk_by(|a, b| a.is_some() == b.is_some());
    serializer.collect_seq(alike.map(|alike| match alike.first() {
        Some(Some(_)) => Stretch::There(alike.iter().flatten().map(Exact).collect()),
        _ => Stretch::Absent(alike.len()),
    }))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Option<Value>>, D::Error> {
    let mut values = Vec::new();
    for stretch in Vec::<Stretch<Exactly>>::deserialize(deserializer)? {
        match stretch {
            Stretch::There(there) => values.extend(there.into_iter().map(|Exactly(value)| Some(value))),
            Stretch::Absent(count) if count <= MAX_COUNT => values.resize(values.len() + count, None),
            Stretch::Absent(_) => return Err(D::Error::custom("more values than there can be")),
        }
    }
    Ok(values)
}

impl Serialize for Stretch<Exact<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::There(values) => values.serialize(serializer),
            Self::Absent(count) => count.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Stretch<Exactly> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Stretches)
    }
}

struct Stretches;

impl<'de> Visitor<'de> for Stretches {
    type Value = Stretch<Exactly>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("values, or how many are absent")
    }

    fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Self::Value, E> {
        usize::try_from(count).map(Stretch::Absent).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Stretch::There(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_absent_is_absent_again(values in prop::collection::vec(prop::option::of(0_i64..3), 0..12)) {
            let values: Vec<_> = values.into_iter().map(|value| value.map(Value::from)).collect();
            let mut text = Vec::new();
            serialize(&values, &mut serde_json::Serializer::new(&mut text)).unwrap();
            let read = deserialize(&mut serde_json::Deserializer::from_slice(&text)).unwrap();
            prop_assert_eq!(read, values);
        }
    }
}
