//! `each` and what goes with it.

use super::modifiers::without;
use crate::document::{Fields, Reader, scalar};
use crate::expression::Expression;
use crate::source::Spanned;

/// `each` and what goes with it.
#[derive(Debug)]
pub struct Each {
    /// The list.
    pub list: Expression,
    /// What an item is called; `item` where nothing is said.
    pub alias: Spanned<String>,
    /// Items for which it is false are left out.
    pub filter: Option<Expression>,
    /// Items at once; none: the pathway's `max_parallel`.
    pub max_parallel: Option<u32>,
    /// A failed item is none; otherwise the first failure ends the step.
    pub keep_going: bool,
}

impl Each {
    pub(super) fn parse(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Option<Option<Self>> {
        let Some(node) = fields.take("each") else {
            for name in ["as", "where", "max_parallel", "keep_going"] {
                if let Some(entry) = fields.take_entry(name) {
                    reader.diagnostics.push(without(&entry.key, "each"));
                }
            }
            return Some(None);
        };
        let list = reader.bare(node, "`each`");
        let alias = match fields.take("as") {
            None => Some(Spanned::new("item".to_owned(), node.span)),
            Some(node) => scalar::word(node, "`as`", reader.diagnostics)
                .filter(|name| scalar::name(name, "an item", reader.diagnostics)),
        };
        let filter = match fields.take("where") {
            None => Some(None),
            Some(node) => reader.condition(node, "`where`").map(Some),
        };
        let max_parallel = match fields.take("max_parallel") {
            None => Some(None),
            Some(node) => scalar::count(node, "`max_parallel`", 1..=100_000, reader.diagnostics).map(Some),
        };
        let keep_going = match fields.take("keep_going") {
            None => Some(false),
            Some(node) => scalar::boolean(node, "`keep_going`", reader.diagnostics),
        };
        Some(Some(Self {
            list: list?,
            alias: alias?,
            filter: filter?,
            max_parallel: max_parallel?,
            keep_going: keep_going?,
        }))
    }
}
