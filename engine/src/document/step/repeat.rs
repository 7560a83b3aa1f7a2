//! `while` and its `limit`.

use super::modifiers::{MODIFIER_WITHOUT, without};
use crate::diagnostic::Diagnostic;
use crate::document::{Fields, Reader, scalar};
use crate::expression::Expression;
use crate::source::Span;

/// `while` and its `limit`.
#[derive(Debug)]
pub struct Repeat {
    /// Tested after each run, with `last`.
    pub test: Expression,
    /// Runs at most.
    pub limit: u32,
}

impl Repeat {
    pub(super) fn parse(
        fields: &mut Fields<'_>,
        span: Span,
        reader: &mut Reader<'_>,
    ) -> Option<Option<Self>> {
        let test = fields.take_entry("while");
        let limit = fields.take_entry("limit");
        match (test, limit) {
            (None, None) => Some(None),
            (None, Some(limit)) => {
                reader.diagnostics.push(without(&limit.key, "while"));
                None
            }
            (Some(test), None) => {
                reader.diagnostics.push(
                    Diagnostic::error(MODIFIER_WITHOUT, "`while` needs `limit`")
                        .at(test.key.span, "could go on for ever")
                        .at(span, "in this step")
                        .help("say how often it may run at most: `limit: 100`"),
                );
                None
            }
            (Some(test), Some(limit)) => {
                let test = reader.condition(&test.value, "`while`");
                let limit = scalar::count(&limit.value, "`limit`", 1..=1_000_000, reader.diagnostics);
                Some(Some(Self { test: test?, limit: limit? }))
            }
        }
    }
}
