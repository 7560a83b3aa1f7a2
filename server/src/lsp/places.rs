//! Places as editors count them: lines, and UTF-16 units in a line, from 0.

use std::ops::Range as Bytes;

use lsp_types::{Position, Range};

/// The place of a byte.
pub(super) fn position(text: &str, byte: usize) -> Position {
    let byte = (0..=byte.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    let before = text.get(..byte).unwrap_or("");
    let line = before.bytes().filter(|b| *b == b'\n').count();
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    let units = before.get(start..).map_or(0, |line| line.encode_utf16().count());
    let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: clamp(line), character: clamp(units) }
}

/// The places of bytes.
pub(super) fn range(text: &str, bytes: &Bytes<usize>) -> Range {
    Range { start: position(text, bytes.start), end: position(text, bytes.end) }
}

/// The byte at a place; beyond its line, the line's end.
pub(super) fn byte(text: &str, position: Position) -> usize {
    let mut start = 0;
    for _ in 0..position.line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(n) => start += n + 1,
            None => return text.len(),
        }
    }
    let line = text.get(start..).unwrap_or("");
    let line = line.get(..line.find('\n').unwrap_or(line.len())).unwrap_or("");
    let mut units = 0;
    for (n, c) in line.char_indices() {
        if units >= position.character {
            return start + n;
        }
        units += u32::try_from(c.len_utf16()).unwrap_or(1);
    }
    start + line.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_those_of_utf_16() {
        let text = "a: ü\nb: 😀 x\n";
        let x = text.find('x').unwrap();
        assert_eq!(position(text, x), Position { line: 1, character: 6 });
        assert_eq!(byte(text, Position { line: 1, character: 6 }), x);
        assert_eq!(byte(text, Position { line: 0, character: 99 }), 5);
        assert_eq!(byte(text, Position { line: 9, character: 0 }), text.len());
    }

    proptest! {
        #[test]
        fn every_place_is_found_again(text in "([a-z \n]|é|😀){0,40}") {
            for (n, _) in text.char_indices() {
                prop_assert_eq!(byte(&text, position(&text, n)), n);
            }
        }
    }
}
