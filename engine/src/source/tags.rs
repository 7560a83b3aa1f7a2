//! Tags: `!!str`, `!!int` and their like are honoured, others mean nothing here.

use std::ops::Range;

use granit_parser::Tag;

use super::Span;
use super::raw::Raw;
use super::template::shorten;
use crate::diagnostic::{Code, Diagnostic};

const TAG: Code = Code("PW0104");

/// A tag that is not of YAML's core schema, or not for such a value.
pub(super) fn refused(raw: Raw<'_>, tag: &Tag, range: &Range<usize>) -> Diagnostic {
    if tag.core_suffix().is_some() {
        let written = shorten(raw.slice(range.clone()));
        return Diagnostic::error(TAG, format!("the tag `{written}` does not fit this value"))
            .at(raw.span(range), "this tag")
            .help("remove the tag");
    }
    refused_at(raw, range.clone())
}

/// As [`refused`], for a tag that could not be parsed.
pub(super) fn refused_at(raw: Raw<'_>, range: Range<usize>) -> Diagnostic {
    let written = shorten(raw.slice(range.clone()));
    let name = written.trim_start_matches('!');
    let help = if written.starts_with("!!") || written.starts_with("!<") {
        "remove the tag".to_owned()
    } else if name.starts_with(|c: char| c.is_alphabetic()) {
        format!("write `not {name}` for a negation, or put text that begins with `!` in quotes")
    } else {
        "write `not` for a negation, or put text that begins with `!` in quotes".to_owned()
    };
    Diagnostic::error(TAG, format!("`{written}` is a YAML tag, which means nothing here"))
        .at(raw.span(&range), "`!` begins a tag")
        .help(help)
}

/// The value is not of the type that its tag names.
pub(super) fn mismatched(raw: Raw<'_>, range: &Range<usize>, value: Span) -> Diagnostic {
    let written = raw.slice(range.clone());
    Diagnostic::error(TAG, format!("the value is not what its tag `{written}` says"))
        .at(value, "this value")
        .at(raw.span(range), "this tag")
        .help("remove the tag, or write a value of that type")
}
