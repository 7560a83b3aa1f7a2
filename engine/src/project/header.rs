//! Names of headers that the project file may give.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Spanned;

const BAD_HEADER: Code = Code("PW0613");

/// Headers that the HTTP client makes.
const REFUSED: [&str; 6] =
    ["host", "content-length", "connection", "transfer-encoding", "idempotency-key", "upgrade"];

/// Why `name` is no header that may be given beside `others`; none: it is one.
pub(super) fn complaint<'a>(name: &str, mut others: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(word) {
        Some("cannot be the name of a header")
    } else if others.any(|other| other.eq_ignore_ascii_case(name)) {
        Some("is given twice")
    } else if REFUSED.iter().any(|refused| refused.eq_ignore_ascii_case(name)) {
        Some("is set by the connection itself")
    } else {
        None
    }
}

/// What is said of it.
pub(super) fn refusal(name: &Spanned<String>, complaint: &str) -> Diagnostic {
    Diagnostic::error(BAD_HEADER, format!("`{}` {complaint}", name.value)).at(name.span, "this header")
}
