//! Bytes of a file → text.

use super::{Sources, Span};
use crate::diagnostic::{Code, Diagnostic};

const NOT_UTF8: Code = Code("PW0119");

/// Decodes `bytes` as UTF-8 and skips a byte order mark. Where they are not UTF-8, the file is
/// added to `sources` as far as it can be shown, and the diagnostic points at the first bad byte.
///
/// # Errors
/// The bytes are not UTF-8.
pub fn decode(
    path: impl Into<String>,
    bytes: Vec<u8>,
    sources: &mut Sources,
) -> Result<String, Box<Diagnostic>> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
        let utf16 =
            error.as_bytes().starts_with(&[0xff, 0xfe]) || error.as_bytes().starts_with(&[0xfe, 0xff]);
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let file = sources.add(path, shown);
        let span = Span::new(file, valid, valid + char::REPLACEMENT_CHARACTER.len_utf8());
        let help =
            if utf16 { "save the file as UTF-8; it looks like UTF-16" } else { "save the file as UTF-8" };
        Box::new(
            Diagnostic::error(NOT_UTF8, "the file is not UTF-8 text")
                .at(span, format!("the byte 0x{byte:02X} cannot stand here"))
                .help(help),
        )
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let text = decode("a.yaml", b"\xef\xbb\xbfa: 1".to_vec(), &mut Sources::new()).unwrap();
        assert_eq!(text, "a: 1");
    }

    #[test]
    fn the_first_bad_byte_is_pointed_at() {
        let mut sources = Sources::new();
        let problem = decode("a.yaml", b"a: 1\nb: \xc3(\n\xff".to_vec(), &mut sources).unwrap_err();
        let place = sources.locate(problem.labels[0].span);
        assert_eq!((place.line, place.column), (2, 4));
        assert_eq!(problem.labels[0].text, "the byte 0xC3 cannot stand here");
    }
}
