//! Paths and headers that an expression cannot break out of.

use crate::source::Span;
use crate::vm::{Class, Failure, HttpRequest};

/// Percent-encodes all but unreserved characters, so that what an expression yields stays
/// within its segment.
#[expect(clippy::unnecessary_wraps, reason = "the form that `Expression::render` takes")]
pub(super) fn encode_segment(text: &str) -> Result<String, String> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(encoded)
}

/// Refuses what could lead out of the service's own path.
pub(super) fn check(path: &str) -> Result<(), String> {
    if !path.is_empty() && !path.starts_with('/') {
        return Err(format!("the path `{path}` must begin with `/` or be empty"));
    }
    if path.split('/').any(HttpRequest::is_relative) {
        return Err(format!("the path `{path}` has a segment `.` or `..`"));
    }
    if path.contains(['?', '#', '\\']) || path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("the path `{path}` has a character that a path cannot have"));
    }
    Ok(())
}

/// Refuses control characters, with which a value could add a header.
pub(super) fn header(value: String, span: Span) -> Result<String, Failure> {
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Failure::new(Class::Expression, "a header has a control character").at(span));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_cannot_leave_its_segment() {
        for text in ["a/b", "../x", "a?b=c", "a#b", "ä ö", "%2e%2e"] {
            let path = format!("/rows/{}", encode_segment(text).unwrap());
            assert_eq!(path.matches('/').count(), 2, "{path}");
            assert_eq!(check(&path), Ok(()), "{path}");
        }
        for text in [".", ".."] {
            assert!(check(&format!("/rows/{}", encode_segment(text).unwrap())).is_err());
        }
    }

    #[test]
    fn paths_that_are_refused() {
        for path in ["rows", "/a/../b", "/a/%2e%2E", "/a?b", "/a b", "//..", "/a\\b"] {
            assert!(check(path).is_err(), "{path}");
        }
        assert_eq!(check(""), Ok(()));
    }
}
