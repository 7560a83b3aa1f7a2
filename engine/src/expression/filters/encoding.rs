//! Text in other forms: Base64, hashes, URLs.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::ValueKind;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{Call, Definition, Undefined, scalar};
use crate::Value;

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "base64",
        parameters: &[],
        about: "The bytes of the text in Base64.",
        examples: &[("'user:päss' | base64", r#""dXNlcjpww6Rzcw==""#)],
        undefined: Undefined::Refused,
        function: |call| Ok(Value::from(STANDARD.encode(scalar(&call.input)?))),
    },
    Definition {
        name: "sha256",
        parameters: &[],
        about: "The SHA-256 hash of the text, in hexadecimal.",
        examples: &[(
            "'abc' | sha256",
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        )],
        undefined: Undefined::Refused,
        function: |call| {
            let hash = Sha256::digest(scalar(&call.input)?);
            Ok(Value::from(hash.iter().fold(String::with_capacity(64), |mut text, byte| {
                let _written = write!(text, "{byte:02x}");
                text
            })))
        },
    },
    Definition {
        name: "urlencode",
        parameters: &[],
        about: "The text percent-encoded for any part of a URL; a map becomes `a=1&b=2`.",
        examples: &[
            ("'a b/ä&c' | urlencode", r#""a%20b%2F%C3%A4%26c""#),
            ("{'q': 'a b', 'n': 1} | urlencode", r#""q=a%20b&n=1""#),
        ],
        undefined: Undefined::Refused,
        function: urlencode,
    },
    Definition {
        name: "postgrest",
        parameters: &[],
        about: "The value for use inside PostgREST's parentheses: in double quotes where it needs them.",
        examples: &[
            ("'dining' | postgrest", r#""dining""#),
            ("'fish, chips' | postgrest", r#""\"fish, chips\"""#),
            ("'say \"x\"' | postgrest", r#""\"say \\\"x\\\"\"""#),
            ("2.5 | postgrest", r#""\"2.5\"""#),
        ],
        undefined: Undefined::Refused,
        function: |call| Ok(Value::from(quoted(&scalar(&call.input)?))),
    },
];

/// All but the characters that never need to be encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes everything but the characters that never need it.
pub fn percent_encode(text: &str, out: &mut String) {
    out.extend(utf8_percent_encode(text, UNRESERVED));
}

fn urlencode(call: &Call) -> Result<Value, String> {
    let mut out = String::new();
    let pairs = call.input.as_object().filter(|_| call.input.kind() == ValueKind::Map);
    match pairs.and_then(|map| map.try_iter_pairs()) {
        None => percent_encode(&scalar(&call.input)?, &mut out),
        Some(pairs) => {
            for (key, value) in pairs {
                if !out.is_empty() {
                    out.push('&');
                }
                percent_encode(&scalar(&key)?, &mut out);
                out.push('=');
                percent_encode(&scalar(&value)?, &mut out);
            }
        }
    }
    Ok(Value::from(out))
}

fn quoted(text: &str) -> String {
    let reserved = |c: char| matches!(c, ',' | '.' | ':' | '(' | ')' | '"' | '\\') || c.is_whitespace();
    if !text.is_empty() && !text.contains(reserved) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}
