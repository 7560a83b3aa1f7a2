//! What a scalar is worth: by its tag, else by the core schema if it has no quotes.

use std::ops::Range;

use granit_parser::Tag;

use super::raw::Raw;
use super::scalar::{self, Core, Unfit};
use super::{Kind, Style, Text, tags, template};
use crate::diagnostic::{Code, Diagnostic};

const TOO_LARGE: Code = Code("PW0111");
const NOT_FINITE: Code = Code("PW0112");

/// The value of a scalar that may have a tag; with a problem, the nearest that makes sense.
pub(super) fn read(
    raw: Raw<'_>,
    text: Text,
    tag: Option<&(&Tag, Range<usize>)>,
) -> (Kind, Option<Diagnostic>) {
    let resolved = match tag {
        None if text.style == Style::Plain => scalar::resolve(&text.value),
        None => Ok(None),
        Some((tag, range)) => match core(tag) {
            _ if tag.core_suffix() == Some("str") => Ok(None),
            None => {
                let problem = tags::refused(raw, tag, range);
                return (Kind::Text(text), Some(problem));
            }
            Some(core) => match scalar::resolve_as(core, &text.value) {
                Ok(None) => {
                    let problem = tags::mismatched(raw, range, text.span);
                    return (Kind::Text(text), Some(problem));
                }
                resolved => resolved,
            },
        },
    };
    match resolved {
        Ok(Some(kind)) => (kind, None),
        Ok(None) => (Kind::Text(text), None),
        Err(unfit) => (Kind::Float(0.0), Some(refused(unfit, &text))),
    }
}

fn core(tag: &Tag) -> Option<Core> {
    match tag.core_suffix()? {
        "null" => Some(Core::Null),
        "bool" => Some(Core::Bool),
        "int" => Some(Core::Int),
        "float" => Some(Core::Float),
        _ => None,
    }
}

fn refused(unfit: Unfit, text: &Text) -> Diagnostic {
    let written = template::shorten(&text.value);
    match unfit {
        Unfit::TooLarge => {
            Diagnostic::error(TOO_LARGE, format!("the number `{written}` cannot be kept exactly"))
                .at(text.span, "needs more than 64 bits")
                .help("put it in quotes if it is an id or a code")
        }
        Unfit::NotFinite => Diagnostic::error(NOT_FINITE, format!("`{written}` is not a number in JSON"))
            .at(text.span, "has no finite value")
            .help("write a finite number, or put it in quotes if it is text"),
    }
}
