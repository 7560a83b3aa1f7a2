//! A block: steps and what they return.

use super::{Fields, Reader, Step};
use crate::compile::Order;
use crate::expression::Tree;
use crate::reference::{Field, Object, Takes};
use crate::source::Node;

/// Its fields.
pub(crate) static BLOCK: Object = Object::new(
    "block",
    &[
        Field::new("steps", Takes::Steps, "steps by name: each runs as soon as what it reads is there"),
        Field::new("return", Takes::Template, "its value, computed when all steps are finished or skipped"),
    ],
);

/// Steps that see each other, and the value they amount to.
#[derive(Debug, Default)]
pub struct Block {
    /// In the order written.
    pub steps: Vec<Step>,
    /// Computed when all steps are finished or skipped.
    pub returns: Option<Tree>,
    /// Its return could not be read, so nothing is known of what it amounts to.
    pub(crate) has_broken_return: bool,
    /// Who waits for whom, once the compiler knows.
    pub(crate) order: Order,
}

impl Block {
    /// Reads `{steps: …, return: …}`.
    pub fn parse(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, what, reader.diagnostics)?;
        let block = Self::from_fields(&mut fields, reader);
        fields.finish(reader.diagnostics);
        block
    }

    /// Reads `steps` and `return` among other fields.
    pub fn from_fields(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let steps = match fields.take("steps") {
            Some(node) => Self::steps(node, reader),
            None => Some(Vec::new()),
        };
        let returns = fields.take("return").map(|node| reader.tree(node));
        Some(Self {
            steps: steps?,
            has_broken_return: matches!(returns, Some(None)),
            returns: returns.flatten(),
            order: Order::default(),
        })
    }

    fn steps(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<Step>> {
        let Some(entries) = node.as_map() else {
            reader.diagnostics.push(super::fields::wrong_type("`steps`", "a map of steps", node));
            return None;
        };
        let step = |entry| Step::parse(entry, reader).unwrap_or_else(|| Step::broken(entry));
        Some(entries.iter().map(step).collect())
    }
}
