//! Lets the validator read our [`Value`]s in place.
//!
//! Maps and lists that JSON was decoded into are read by reference. Anything else that
//! expressions may yield (a lazy sequence, a tuple, a map with numbers as keys) is first made
//! plain by [`plain`], which also bounds the depth that recursive schemas can descend.

use std::borrow::Cow;

use indexmap::IndexMap;
use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, cmp, unique};
use minijinja::value::ValueKind;
use serde_json::{Number, Value as Plain};

use crate::Value;

/// Deepest nesting of a value that is checked.
pub(super) const MAX_DEPTH: usize = 128;

/// What JSON maps are decoded into.
pub(super) type Members = IndexMap<Value, Value>;
/// What JSON lists are decoded into.
pub(super) type Items = Vec<Value>;

/// Maps of up to this many members are searched in order: cheaper than hashing the key.
const SCANNED: usize = 12;

/// The member of that name.
pub(super) fn member<'a>(members: &'a Members, key: &str) -> Option<&'a Value> {
    if members.len() <= SCANNED {
        return members.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value);
    }
    members.get(&Value::from(key))
}

/// The value as nothing but scalars, [`Members`] with text keys and [`Items`]: itself if it is
/// that already, `None` if it is nested too deeply.
pub(super) fn plain(value: &Value) -> Option<Cow<'_, Value>> {
    plain_at(value, MAX_DEPTH)
}

fn plain_at(value: &Value, depth: usize) -> Option<Cow<'_, Value>> {
    let Some(object) = value.as_object() else { return Some(Cow::Borrowed(value)) };
    let below = depth.checked_sub(1)?;
    if let Some(items) = value.downcast_object_ref::<Items>() {
        let mut copy = None;
        for (n, item) in items.iter().enumerate() {
            if let Cow::Owned(item) = plain_at(item, below)?
                && let Some(slot) = copy.get_or_insert_with(|| items.clone()).get_mut(n)
            {
                *slot = item;
            }
        }
        return Some(copy.map_or(Cow::Borrowed(value), |items| Cow::Owned(items.into())));
    }
    if let Some(members) = value.downcast_object_ref::<Members>()
        && members.keys().all(|key| key.kind() == ValueKind::String)
    {
        let mut copy: Option<Members> = None;
        for (key, member) in members {
            if let Cow::Owned(member) = plain_at(member, below)? {
                copy.get_or_insert_with(|| members.clone()).insert(key.clone(), member);
            }
        }
        return Some(copy.map_or(Cow::Borrowed(value), |members| Cow::Owned(members.into())));
    }
    match value.kind() {
        ValueKind::Map => {
            let mut members = Members::new();
            for (key, member) in object.try_iter_pairs().into_iter().flatten() {
                let key = if key.kind() == ValueKind::String { key } else { Value::from(key.to_string()) };
                members.insert(key, plain_at(&member, below)?.into_owned());
            }
            Some(Cow::Owned(members.into()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Items::new();
            for item in object.try_iter().into_iter().flatten() {
                items.push(plain_at(&item, below)?.into_owned());
            }
            Some(Cow::Owned(items.into()))
        }
        _ => Some(Cow::Owned(Value::from(value.to_string()))),
    }
}

/// A plain value as JSON.
pub(super) fn to_json(value: &Value) -> Plain {
    serde_json::to_value(value).unwrap_or(Plain::Null)
}

fn number(value: &Value) -> Option<Number> {
    if !value.is_number() {
        return None;
    }
    if value.is_integer() {
        if let Ok(n) = i64::try_from(value.clone()) {
            return Some(n.into());
        }
        if let Ok(n) = u64::try_from(value.clone()) {
            return Some(n.into());
        }
    }
    f64::try_from(value.clone()).ok().and_then(Number::from_f64)
}

/// [`Value`] as a representation of JSON.
#[derive(Debug)]
pub(super) struct Native;

impl Json for Native {
    type Node<'a> = &'a Value;
    type PreparedKey = Value;
    type StringBuffer = Value;

    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Value {
        Value::from(key)
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(&Value) -> T) -> T {
        *buffer = Value::from(string);
        f(buffer)
    }
}

impl<'a> Node<'a, Native> for &'a Value {
    type Object = &'a Members;
    type Array = &'a Items;
    type Number = Number;

    fn as_object(&self) -> Option<&'a Members> {
        self.downcast_object_ref()
    }

    fn as_array(&self) -> Option<&'a Items> {
        self.downcast_object_ref()
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.kind() {
            ValueKind::String => self.as_str().map(Cow::Borrowed),
            ValueKind::Bytes => self.as_bytes().map(String::from_utf8_lossy),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Number> {
        number(self)
    }

    fn as_boolean(&self) -> Option<bool> {
        (self.kind() == ValueKind::Bool).then(|| self.is_true())
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn is_number(&self) -> bool {
        self.json_type() == JsonType::Number
    }

    fn json_type(&self) -> JsonType {
        match self.kind() {
            ValueKind::Bool => JsonType::Boolean,
            // Infinity and "not a number" are null in JSON.
            ValueKind::Number if self.is_integer() || number(self).is_some() => JsonType::Number,
            ValueKind::String | ValueKind::Bytes => JsonType::String,
            ValueKind::Seq => JsonType::Array,
            ValueKind::Map => JsonType::Object,
            _ => JsonType::Null,
        }
    }

    fn equals_value(&self, expected: &Plain) -> bool {
        match expected {
            Plain::Null => self.is_null(),
            Plain::Bool(expected) => self.as_boolean() == Some(*expected),
            Plain::String(expected) => self.as_string().is_some_and(|text| text == expected.as_str()),
            Plain::Number(expected) => number(self).is_some_and(|n| cmp::equal_numbers(&n, expected)),
            Plain::Array(_) | Plain::Object(_) => cmp::equal(&to_json(self), expected),
        }
    }

    /// What errors carry. Of containers nothing is needed, and copying them for each error of a
    /// large value would cost more than the check.
    fn to_value(&self) -> Cow<'a, Plain> {
        Cow::Owned(match Value::as_object(self) {
            Some(_) => Plain::Null,
            None => to_json(self),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Value>(self) as usize))
    }
}

impl<'a> Object<'a, Native> for &'a Members {
    type Node = &'a Value;
    type MemberName = &'a str;
    type MembersIter = Names<'a>;

    fn len(&self) -> usize {
        IndexMap::len(self)
    }

    fn get(&self, key: &Value) -> Option<&'a Value> {
        match key.as_str() {
            Some(key) => member(self, key),
            None => None,
        }
    }

    fn members(&self) -> Names<'a> {
        Names(self.iter())
    }
}

impl<'a> Array<'a, Native> for &'a Items {
    type Node = &'a Value;
    type ElementsIter = std::slice::Iter<'a, Value>;

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }

    fn is_unique(&self) -> bool {
        let items: Vec<Plain> = self.iter().map(to_json).collect();
        unique::is_unique(&items)
    }
}

/// Members by name.
#[derive(Debug)]
pub(super) struct Names<'a>(indexmap::map::Iter<'a, Value, Value>);

impl<'a> Iterator for Names<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key.as_str().unwrap_or_default(), value))
    }
}
