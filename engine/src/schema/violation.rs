//! What is wrong with a value, in words that callers may see: never the value itself.

use std::cmp::Ordering;

use jsonschema::error::{TypeKind, ValidationErrorKind as Failure};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value as Json;

use super::survey::join;
use super::wording;
use crate::diagnostic::did_you_mean;

/// How many are listed at most.
const MAX_VIOLATIONS: usize = 1_000;

/// One way in which a value breaks its schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// JSON Pointer into the value; of a missing property, the pointer it would have.
    pub pointer: String,
    /// One lowercase sentence that does not repeat the value.
    pub detail: String,
    /// The keyword that failed: `required`, `type`, …
    pub code: String,
}

impl Violation {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>, code: &str) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), code: code.to_owned() }
    }
}

/// All `errors` in our words, ordered by pointer, each said once. `schema` is what was checked.
pub(super) fn translate<'e>(
    errors: impl Iterator<Item = ValidationError<'e>>,
    schema: &Json,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for error in errors {
        push(&error, schema, &mut violations);
    }
    violations.sort_by(|a, b| {
        by_pointer(&a.pointer, &b.pointer)
            .then_with(|| a.code.cmp(&b.code))
            .then_with(|| a.detail.cmp(&b.detail))
    });
    violations.dedup();
    violations.truncate(MAX_VIOLATIONS);
    violations
}

/// Segment by segment, so that a value stands before its parts and `/2` before `/10`.
fn by_pointer(a: &str, b: &str) -> Ordering {
    let segments = |pointer: &'_ str| {
        pointer.split('/').map(|s| (s.parse::<u64>().ok(), s.to_owned())).collect::<Vec<_>>()
    };
    segments(a).cmp(&segments(b))
}

fn push(error: &ValidationError<'_>, schema: &Json, violations: &mut Vec<Violation>) {
    let pointer = error.instance_path().as_str();
    let code = error.kind().keyword();
    match error.kind() {
        Failure::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            violations.push(Violation::new(join(pointer, name), "is required", code));
        }
        Failure::AdditionalProperties { unexpected } | Failure::UnevaluatedProperties { unexpected } => {
            let known = siblings(error, schema);
            violations.extend(unexpected.iter().map(|name| {
                let detail = match did_you_mean(name, known.iter().copied()) {
                    Some(known) => format!("is not a property of this object; did you mean `{known}`?"),
                    None => "is not a property of this object".to_owned(),
                };
                Violation::new(join(pointer, name), detail, code)
            }));
        }
        Failure::PropertyNames { error: inner } => {
            let name = inner.instance().as_str().unwrap_or_default();
            let detail = match inner.kind() {
                Failure::FalseSchema => "is not a property of this object".to_owned(),
                kind => format!("has a name that {}", wording::detail(kind)),
            };
            violations.push(Violation::new(join(pointer, name), detail, code));
        }
        Failure::AnyOf { context } | Failure::OneOfNotValid { context } => {
            alternatives(error, context, schema, violations);
        }
        kind => violations.push(Violation::new(pointer, wording::detail(kind), wording::code(kind))),
    }
}

/// The names that stand in `properties` beside the keyword that failed.
fn siblings<'s>(error: &ValidationError<'_>, schema: &'s Json) -> Vec<&'s str> {
    let parent = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties =
        schema.pointer(parent).and_then(|parent| parent.get("properties")).and_then(Json::as_object);
    properties.into_iter().flat_map(|map| map.keys()).map(String::as_str).collect()
}

/// None of several branches holds. Says what would do where that is short: the names that are
/// missing, or the types. Where only one branch can have been meant, says what is wrong with it.
fn alternatives(
    error: &ValidationError<'_>,
    branches: &[Vec<ValidationError<'static>>],
    schema: &Json,
    violations: &mut Vec<Violation>,
) {
    let pointer = error.instance_path().as_str();
    let code = error.kind().keyword();
    let missing: Option<Vec<String>> = branches.iter().map(|branch| missing_names(branch, pointer)).collect();
    if let Some(names) = missing.filter(|names| !names.is_empty()) {
        violations.push(Violation::new(pointer, format!("needs {}", wording::or(&names)), code));
        return;
    }
    let types: Option<Vec<String>> = branches.iter().map(|branch| wrong_type(branch, pointer)).collect();
    if let Some(types) = types.filter(|types| !types.is_empty()) {
        violations.push(Violation::new(pointer, format!("must be {}", wording::or(&types)), code));
        return;
    }
    let mut meant = branches.iter().filter(|branch| !branch.iter().any(|error| rules_out(error, pointer)));
    match (meant.next(), meant.next()) {
        (Some(branch), None) => {
            for error in branch {
                push(error, schema, violations);
            }
        }
        _ => {
            let detail = format!("matches none of the {} forms that are allowed", branches.len());
            violations.push(Violation::new(pointer, detail, code));
        }
    }
}

/// The names whose absence is all that is wrong.
fn missing_names(branch: &[ValidationError<'_>], pointer: &str) -> Option<String> {
    let names: Option<Vec<String>> = branch
        .iter()
        .map(|error| match error.kind() {
            Failure::Required { property } if error.instance_path().as_str() == pointer => {
                Some(format!("`{}`", property.as_str()?))
            }
            _ => None,
        })
        .collect();
    names.map(|names| names.join(" and "))
}

/// The type that is all that is wrong.
fn wrong_type(branch: &[ValidationError<'_>], pointer: &str) -> Option<String> {
    match branch {
        [error] if error.instance_path().as_str() == pointer => match error.kind() {
            Failure::Type { kind } => Some(wording::types(kind)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the branch cannot have been meant: the type, the constant or a constant property
/// (which tells branches apart) is another.
fn rules_out(error: &ValidationError<'_>, pointer: &str) -> bool {
    let Some(below) = error.instance_path().as_str().strip_prefix(pointer) else { return false };
    match error.kind() {
        Failure::Type { kind } => below.is_empty() && !matches!(kind, TypeKind::Single(JsonType::Integer)),
        Failure::Constant { .. } | Failure::Enum { .. } => below.matches('/').count() <= 1,
        _ => false,
    }
}
