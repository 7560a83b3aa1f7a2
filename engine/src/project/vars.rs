//! `vars:` of the project: constants that every pathway may read.

use std::fmt;

use indexmap::IndexMap;

use super::reader::Reader;
use super::secret::MASK;
use crate::Value;
use crate::document::scalar;
use crate::source::{Kind, Node, Span};

/// A constant.
#[derive(Clone, PartialEq)]
pub struct Var {
    /// Its value.
    pub value: Value,
    /// Whether a part of it must never be shown.
    pub secret: bool,
    /// Where its name stands.
    pub span: Span,
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str(MASK) } else { fmt::Debug::fmt(&self.value, f) }
    }
}

/// Reads `vars:`.
pub(super) fn vars(node: &Node, reader: &mut Reader<'_>) -> IndexMap<String, Var> {
    let mut vars = IndexMap::new();
    for entry in reader.entries(node, "`vars`") {
        if !scalar::name(&entry.key, "a variable", reader.diagnostics) {
            continue;
        }
        let mut secret = false;
        let what = format!("`{}`", entry.key.value);
        if let Some(value) = constant(&entry.value, &what, &mut secret, reader) {
            vars.insert(entry.key.value.clone(), Var { value, secret, span: entry.key.span });
        }
    }
    vars
}

fn constant(node: &Node, what: &str, secret: &mut bool, reader: &mut Reader<'_>) -> Option<Value> {
    Some(match &node.kind {
        Kind::Null => Value::from(()),
        Kind::Bool(value) => Value::from(*value),
        Kind::Int(value) => Value::from(*value),
        Kind::Float(value) => Value::from(*value),
        Kind::Text(_) => {
            let resolved = reader.text(node, what)?;
            *secret |= resolved.secret;
            Value::from(resolved.value)
        }
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(|item| constant(item, what, secret, reader)).collect();
            Value::from(items.into_iter().collect::<Option<Vec<_>>>()?)
        }
        Kind::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| {
                    let key = Value::from(entry.key.value.as_str());
                    Some((key, constant(&entry.value, what, secret, reader)?))
                })
                .collect();
            Value::from(entries.into_iter().collect::<Option<IndexMap<_, _>>>()?)
        }
    })
}
