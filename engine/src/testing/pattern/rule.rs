//! Matchers: what must hold of a value, instead of what it is.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Number, Value as Json};

use super::{BAD_MATCHER, Pattern, equal, order};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::wrong_type;
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node};

/// The matchers.
pub(crate) static MATCHERS: Object = Object::new(
    "matchers",
    &[
        Field::new("$any", Takes::True, "there is something, whatever it is"),
        Field::new("$absent", Takes::True, "there is nothing of that name"),
        Field::new("$contains", Takes::Pattern, "a text with this in it, or a list with such an item"),
        Field::new("$matches", Takes::Plain, "a text that this regular expression finds something in"),
        Field::new("$length", Takes::Count(0, u32::MAX), "how long a text, list or map is"),
        Field::new("$at_least", Takes::AnyNumber, "a number that is not less"),
        Field::new("$at_most", Takes::AnyNumber, "a number that is not more"),
        Field::new("$exactly", Takes::Data, "this, and nothing beside it"),
    ],
);

/// What must hold.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// There is something, whatever it is.
    Any,
    /// There is nothing of that name.
    Absent,
    /// A text with this in it, or a list with such an item.
    Contains(Pattern),
    Matches(Regex),
    Length(u64),
    AtLeast(Number),
    AtMost(Number),
    /// This, and nothing beside it.
    Exactly(Json),
}

impl Rule {
    /// Reads one; none: there is no such matcher.
    pub(super) fn parse(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<Self>> {
        let what = format!("`{name}`");
        Some(match name {
            "$any" | "$absent" if node.kind != Kind::Bool(true) => {
                diagnostics.push(wrong_type(&what, "true", node));
                None
            }
            "$any" => Some(Self::Any),
            "$absent" => Some(Self::Absent),
            "$contains" => Some(Self::Contains(Pattern::parse(node, diagnostics))),
            "$exactly" => Some(Self::Exactly(node.to_json())),
            "$matches" => match node.as_text().map(|text| Regex::new(&text.value)) {
                Some(Ok(regex)) => Some(Self::Matches(regex)),
                Some(Err(error)) => {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    diagnostics.push(
                        Diagnostic::error(BAD_MATCHER, "this is no regular expression")
                            .at(node.span, reason.to_owned())
                            .help("in double quotes write `\\\\` for `\\`"),
                    );
                    None
                }
                None => {
                    diagnostics.push(wrong_type(&what, "a regular expression", node));
                    None
                }
            },
            "$length" => match node.kind {
                Kind::Int(n) if n >= 0 => Some(Self::Length(n.unsigned_abs())),
                _ => {
                    diagnostics.push(wrong_type(&what, "a whole number", node));
                    None
                }
            },
            "$at_least" | "$at_most" => match node.to_json() {
                Json::Number(n) if name == "$at_least" => Some(Self::AtLeast(n)),
                Json::Number(n) => Some(Self::AtMost(n)),
                _ => {
                    diagnostics.push(wrong_type(&what, "a number", node));
                    None
                }
            },
            _ => return None,
        })
    }

    /// Whether it is about a text, or may be.
    pub(super) fn is_of_text(&self) -> bool {
        match self {
            Self::Matches(_) => true,
            Self::Contains(pattern) => pattern.as_str().is_some(),
            _ => false,
        }
    }

    /// Whether it holds of a value; none: there is none.
    pub(super) fn holds(&self, came: Option<&Json>) -> bool {
        let Some(came) = came else { return matches!(self, Self::Absent) };
        match self {
            Self::Any => true,
            Self::Absent => false,
            Self::Contains(pattern) => match (came, pattern.as_str()) {
                (Json::String(text), Some(part)) => text.contains(part),
                (Json::Array(items), _) => items.iter().any(|item| pattern.is_met_by(item)),
                _ => false,
            },
            Self::Matches(regex) => came.as_str().is_some_and(|text| regex.is_match(text)),
            Self::Length(wanted) => {
                let length = match came {
                    Json::Array(items) => items.len(),
                    Json::Object(map) => map.len(),
                    Json::String(text) => text.chars().count(),
                    _ => return false,
                };
                u64::try_from(length).is_ok_and(|length| length == *wanted)
            }
            Self::AtLeast(n) => came.as_number().and_then(|came| order(came, n)).is_some_and(Ordering::is_ge),
            Self::AtMost(n) => came.as_number().and_then(|came| order(came, n)).is_some_and(Ordering::is_le),
            Self::Exactly(value) => equal(value, came),
        }
    }

    /// As it was written.
    pub(super) fn shown(&self) -> (String, Json) {
        let (name, value) = match self {
            Self::Any => ("$any", true.into()),
            Self::Absent => ("$absent", true.into()),
            Self::Contains(pattern) => ("$contains", pattern.shown()),
            Self::Matches(regex) => ("$matches", regex.as_str().into()),
            Self::Length(n) => ("$length", (*n).into()),
            Self::AtLeast(n) => ("$at_least", Json::Number(n.clone())),
            Self::AtMost(n) => ("$at_most", Json::Number(n.clone())),
            Self::Exactly(value) => ("$exactly", value.clone()),
        };
        (name.to_owned(), value)
    }
}
