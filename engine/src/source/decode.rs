//! Bytes of a file → text.

use super::{FileId, Sources, Span};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

const NOT_UTF8: Code = Code("PW0119");

impl Sources {
    /// Adds a file as it was read. A byte order mark is skipped. Where the bytes are not UTF-8,
    /// `diagnostics` are told where the first bad one stands, and there is nothing to parse.
    pub fn add_bytes(
        &mut self,
        path: impl Into<String>,
        bytes: Vec<u8>,
        diagnostics: &mut Diagnostics,
    ) -> Option<FileId> {
        let error = match String::from_utf8(bytes) {
            Ok(text) => return Some(self.add(path, text.strip_prefix('\u{feff}').unwrap_or(&text))),
            Err(error) => error,
        };
        let bytes = error.as_bytes();
        let valid = error.utf8_error().valid_up_to();
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let file = self.add(path, shown);
        let span = Span::new(file, valid, valid + char::REPLACEMENT_CHARACTER.len_utf8());
        diagnostics.push(
            Diagnostic::error(NOT_UTF8, "the file is not UTF-8 text")
                .at(span, format!("the byte 0x{byte:02X} cannot stand here"))
                .help(if is_utf16 {
                    "save the file as UTF-8: it looks like UTF-16"
                } else {
                    "save the file as UTF-8"
                }),
        );
        None
    }
}
