//! The spanned tree.

use super::{Span, Text};

/// Anything with the place it was written at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value` as written at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A YAML value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands; of a block map or list, its first line only.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of YAML values, by YAML 1.2's core schema: `on`, `yes` and `no` are text.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written, without duplicate keys.
    Map(Vec<Entry>),
}

impl Kind {
    /// What a message calls it: `a list`, `text`, `nothing`.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// A key of a map and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Spanned<String>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// What it says, without its place. Texts are taken as they stand.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(flag) => (*flag).into(),
            Kind::Int(n) => (*n).into(),
            Kind::Float(n) => (*n).into(),
            Kind::Text(text) => text.value.as_str().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                let entries = entries.iter().map(|entry| (entry.key.value.clone(), entry.value.to_json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }

    /// The value under `key`, if it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
    }
}
