//! `Idempotency-Key`: a caller's promise that two requests with the same key are one.

use axum::http::{HeaderMap, HeaderName, StatusCode};
use pathway_engine::vm::Class;

use super::Problem;

const LONGEST: usize = 255;

/// The key, as a quoted string or as it is.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HeaderName::from_static("idempotency-key")).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(|text| parse(text.trim()));
    match key.filter(|key| (1..=LONGEST).contains(&key.len())) {
        Some(key) if given.next().is_none() => Ok(Some(key)),
        _ => {
            let detail = format!("`Idempotency-Key` must be one string of 1 to {LONGEST} characters");
            Err(Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail))
        }
    }
}

/// A structured field's string (RFC 8941), or a bare word, which many clients send.
fn parse(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return text.bytes().all(|b| b.is_ascii_graphic() && b != b'"').then(|| text.to_owned());
    };
    let mut key = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => key.push(c),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_quoted_strings_and_words() {
        assert_eq!(parse("abc-1").as_deref(), Some("abc-1"));
        assert_eq!(parse(r#""a b""#).as_deref(), Some("a b"));
        for bad in ["a b", r#""a"#, r#"a""#, r#""a"b"#, r#""\x""#, "\"\u{e4}\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_was_quoted(key in "[ -~]{0,40}") {
            let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(parse(&quoted), Some(key));
        }
    }
}
