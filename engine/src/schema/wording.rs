//! What each keyword demands, as the end of a sentence that begins with the property.

use jsonschema::JsonType;
use jsonschema::error::{TypeKind, ValidationErrorKind as Failure};
use serde_json::Value as Json;

/// How many values of an `enum`, and of how many characters together, are listed.
const MAX_LISTED: (usize, usize) = (12, 160);

/// The keyword that failed.
pub(super) fn code(kind: &Failure) -> &str {
    match kind {
        Failure::FalseSchema => "false",
        kind => kind.keyword(),
    }
}

/// What is wrong. Parts of the schema may be named, the value must not.
pub(super) fn detail(kind: &Failure) -> String {
    match kind {
        Failure::Type { kind } => format!("must be {}", types(kind)),
        Failure::Enum { options } => one_of(options),
        Failure::Constant { expected_value } => match scalar(expected_value) {
            Some(expected) => format!("must be {expected}"),
            None => "must be the value that the schema gives".to_owned(),
        },
        Failure::Minimum { limit } => format!("must be at least {limit}"),
        Failure::Maximum { limit } => format!("must be at most {limit}"),
        Failure::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Failure::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Failure::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Failure::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Failure::MinLength { limit } => format!("must have at least {}", count(*limit, "character")),
        Failure::MaxLength { limit } => format!("must have at most {}", count(*limit, "character")),
        Failure::Pattern { pattern } => format!("must match the pattern `{pattern}`"),
        Failure::BacktrackLimitExceeded { .. } | Failure::RegexEngineFailure { .. } => {
            "could not be matched against its pattern".to_owned()
        }
        Failure::Format { format } => format!("must be {}", form(format)),
        Failure::MinItems { limit } => format!("must have at least {}", count(*limit, "item")),
        Failure::MaxItems { limit } => format!("must have at most {}", count(*limit, "item")),
        Failure::AdditionalItems { limit } => {
            format!("must have at most {}", count(u64::try_from(*limit).unwrap_or(u64::MAX), "item"))
        }
        Failure::UnevaluatedItems { .. } => "has items that the schema does not allow".to_owned(),
        Failure::UniqueItems => "must not have the same item twice".to_owned(),
        Failure::Contains => "does not have the items that `contains` asks for".to_owned(),
        Failure::MinProperties { limit } => format!("must have at least {}", properties(*limit)),
        Failure::MaxProperties { limit } => format!("must have at most {}", properties(*limit)),
        Failure::Required { property } => format!("needs `{}`", property.as_str().unwrap_or_default()),
        Failure::FalseSchema => "is not allowed here".to_owned(),
        Failure::Not { .. } => "is what the schema excludes".to_owned(),
        Failure::OneOfMultipleValid { .. } => {
            "matches more than one of the forms that exclude each other".to_owned()
        }
        Failure::AnyOf { .. } | Failure::OneOfNotValid { .. } => {
            "matches none of the forms that are allowed".to_owned()
        }
        Failure::ContentEncoding { content_encoding } => format!("must be encoded as {content_encoding}"),
        Failure::ContentMediaType { content_media_type } => format!("must hold {content_media_type}"),
        Failure::FromUtf8 { .. } => "must hold text once it is decoded".to_owned(),
        Failure::AdditionalProperties { .. }
        | Failure::UnevaluatedProperties { .. }
        | Failure::PropertyNames { .. }
        | Failure::Custom { .. }
        | Failure::Referencing(_) => "does not meet the schema".to_owned(),
    }
}

/// `a, b or c`
pub(super) fn or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// `a string or null`
pub(super) fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => noun(*one).to_owned(),
        TypeKind::Multiple(several) => {
            or(&several.iter().map(|one| noun(one).to_owned()).collect::<Vec<_>>())
        }
    }
}

fn noun(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}

fn one_of(options: &Json) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Option<Vec<String>> = options.iter().map(scalar).collect();
    match words {
        Some(words)
            if words.len() <= MAX_LISTED.0
                && words.iter().map(String::len).sum::<usize>() <= MAX_LISTED.1 =>
        {
            format!("must be {}", or(&words))
        }
        _ => format!("must be one of the {} values that are allowed", options.len()),
    }
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(format!("`{text}`")),
        Json::Array(_) | Json::Object(_) => None,
        other => Some(other.to_string()),
    }
}

fn form(format: &str) -> &str {
    match format {
        "date" => "a date such as 2025-01-31",
        "date-time" => "a time such as 2025-01-31T12:00:00Z",
        "time" => "a time of day such as 12:00:00Z",
        "duration" => "a duration such as PT1H30M",
        "email" => "an e-mail address",
        "hostname" => "a host name",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "uri" | "iri" => "a full URL such as https://example.com/a",
        "uri-reference" | "iri-reference" => "a URL or a part of one",
        "uri-template" => "a URL template",
        "uuid" => "a UUID",
        "regex" => "a regular expression",
        "json-pointer" | "relative-json-pointer" => "a JSON Pointer",
        _ => "in the format that the schema gives",
    }
}

fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn properties(n: u64) -> String {
    format!("{n} {}", if n == 1 { "property" } else { "properties" })
}
