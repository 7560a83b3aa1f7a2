//! `allow:` of a step or a pathway: codes of warnings that are meant there.

use super::fields::whole;
use super::scalar;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, pages};
use crate::reference::{Field, Takes};
use crate::source::{Node, Spanned};

const UNKNOWN_CODE: Code = Code("PW0230");

/// The key.
pub(super) const FIELD: Field = Field::new(
    "allow",
    Takes::OneOf(&[Takes::Plain, Takes::List(&Takes::Plain)]),
    "codes of warnings that are meant here",
);

/// Reads a code, or a list of them.
pub(super) fn parse(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<Spanned<String>>> {
    let nodes = match node.as_list() {
        Some(items) => items.iter().collect(),
        None => vec![node],
    };
    whole(nodes.into_iter().map(|node| {
        let code = scalar::word(node, "`allow`", diagnostics)?;
        if pages().iter().any(|(known, _)| *known == code.value) {
            return Some(code);
        }
        diagnostics.push(
            Diagnostic::error(UNKNOWN_CODE, format!("there is no problem with the code `{}`", code.value))
                .at(code.span, "unknown code")
                .help("name the code that `check` shows, such as `PW0801`")
                .suggest(&code.value, pages().iter().map(|(known, _)| *known)),
        );
        None
    }))
}
