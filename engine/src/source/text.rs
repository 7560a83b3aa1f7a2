//! Text that remembers where each of its bytes was written.

use super::Span;

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'single quotes'`.
    Single,
    /// In `"double quotes"`.
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A text and where each of its bytes came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The text, unescaped.
    pub value: String,
    /// How it was written.
    pub style: Style,
    /// The whole scalar, quotes included; of a block scalar, its lines.
    pub span: Span,
    /// Rising and without gaps in `value`; empty where the text stands nowhere in particular.
    pub(crate) pieces: Vec<Piece>,
}

/// A stretch of a text's value; it ends where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Offset in the value.
    pub(crate) value: u32,
    /// Offset in the file.
    pub(crate) source: u32,
    /// Zero: copied byte by byte. Else the stretch stands for this many bytes of the file as a
    /// whole: an escape, or a line break that was folded.
    pub(crate) width: u32,
}

impl Text {
    /// A text that stands nowhere in particular inside `span`.
    #[must_use]
    pub fn opaque(value: impl Into<String>, span: Span) -> Self {
        Self { value: value.into(), style: Style::Plain, span, pieces: Vec::new() }
    }

    /// Where bytes `start..end` of the value stand in the file.
    #[must_use]
    pub fn span_of(&self, start: usize, end: usize) -> Span {
        if self.pieces.is_empty() {
            return self.span;
        }
        let first = self.place(start).0;
        let last = if end > start { self.place(end - 1).1 } else { first };
        Span { file: self.span.file, start: first, end: last.max(first) }
    }

    /// Where the byte at `offset` of the value begins and ends in the file.
    fn place(&self, offset: usize) -> (u32, u32) {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let n = self.pieces.partition_point(|piece| piece.value <= offset);
        let Some(piece) = n.checked_sub(1).and_then(|n| self.pieces.get(n)) else {
            return (self.span.start, self.span.start);
        };
        let (start, end) = if piece.width == 0 {
            let start = piece.source.saturating_add(offset - piece.value);
            (start, start.saturating_add(1))
        } else if offset as usize >= self.value.len() {
            (piece.source + piece.width, piece.source + piece.width)
        } else {
            (piece.source, piece.source + piece.width)
        };
        (start.min(self.span.end), end.min(self.span.end))
    }
}
