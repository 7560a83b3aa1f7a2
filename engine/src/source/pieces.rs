//! Where each byte of a scalar's value stands in the file.
//!
//! The parser tells a scalar's value and extent only. The value is followed along the source
//! once more by the rules of its style; where the two part, there are no pieces, and the text
//! stands at its whole extent.

use std::ops::Range;

use super::Style;
use super::text::Piece;

/// The pieces of `value`, which was written at `range` of `source`.
pub(super) fn pieces(source: &str, range: Range<usize>, style: Style, value: &str) -> Vec<Piece> {
    let Some(raw) = source.get(range.clone()) else { return Vec::new() };
    let mut walk = Walk { at: range.start, value, out: 0, pieces: Vec::new() };
    let followed = match style {
        Style::Plain => walk.flow(raw, style),
        Style::Single | Style::Double => raw.get(1..raw.len().saturating_sub(1)).and_then(|inner| {
            walk.at += 1;
            walk.flow(inner, style)
        }),
        Style::Literal | Style::Folded => walk.block(source, range, style),
    };
    if followed.is_some() && walk.out == value.len() { walk.pieces } else { Vec::new() }
}

struct Walk<'a> {
    /// Offset in the file.
    at: usize,
    value: &'a str,
    /// Offset in the value.
    out: usize,
    pieces: Vec<Piece>,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.value.get(self.out..).unwrap_or("")
    }

    /// `text` stands in the file as it is in the value.
    fn copy(&mut self, text: &str) -> Option<()> {
        if text.is_empty() {
            return Some(());
        }
        if !self.rest().starts_with(text) {
            return None;
        }
        let continues = self.pieces.last().is_some_and(|last| {
            last.width == 0
                && self.at.checked_sub(self.out) == (last.source as usize).checked_sub(last.value as usize)
        });
        if !continues {
            self.push(0)?;
        }
        self.at += text.len();
        self.out += text.len();
        Some(())
    }

    /// The next `produced` bytes of the value stand for the next `width` bytes of the file.
    fn stand_for(&mut self, width: usize, produced: usize) -> Option<()> {
        self.push(width)?;
        self.at += width;
        self.out += produced;
        Some(())
    }

    fn push(&mut self, width: usize) -> Option<()> {
        self.pieces.push(Piece {
            value: u32::try_from(self.out).ok()?,
            source: u32::try_from(self.at).ok()?,
            width: u32::try_from(width).ok()?,
        });
        Some(())
    }

    /// Plain and quoted scalars: escapes, and lines folded to spaces.
    fn flow(&mut self, mut raw: &str, style: Style) -> Option<()> {
        while let Some(c) = raw.chars().next() {
            let blanks = raw.len() - raw.trim_start_matches([' ', '\t']).len();
            let used = if blanks > 0 {
                let run = raw.get(..blanks)?;
                if break_length(raw.get(blanks..)?) > 0 {
                    self.at += blanks
                } else {
                    self.copy(run)?
                }
                blanks
            } else if break_length(raw) > 0 {
                self.fold(raw, 0)?
            } else if style == Style::Single && c == '\'' {
                self.stand_for(2, 1)?;
                2
            } else if style == Style::Double && c == '\\' {
                let skipped = break_length(raw.get(1..)?);
                if skipped > 0 { self.fold(raw, 1)? } else { self.escape(raw)? }
            } else {
                let end = raw.find([' ', '\t', '\n', '\r', '\'', '\\']).filter(|end| *end > 0);
                let text = raw.get(..end.unwrap_or_else(|| c.len_utf8()))?;
                let text = if end.is_none() && !matches!(c, '\'' | '\\') { raw } else { text };
                self.copy(text)?;
                text.len()
            };
            raw = raw.get(used..)?;
        }
        Some(())
    }

    /// One line break is a space, several are one less; an escaped one (`backslash` is 1) is
    /// nothing. Yields how much of `raw` it took, the next line's indentation included.
    fn fold(&mut self, raw: &str, backslash: usize) -> Option<usize> {
        let start = self.at;
        let first = backslash + break_length(raw.get(backslash..)?);
        let mut taken = first;
        let mut empty_lines = 0;
        loop {
            let rest = raw.get(taken..)?;
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let next = break_length(rest.get(blanks..)?);
            taken += blanks + next;
            if next == 0 {
                break;
            }
            empty_lines += 1;
        }
        let produced = if backslash == 1 { empty_lines } else { empty_lines.max(1) };
        if produced > 0 {
            let expected = if empty_lines == 0 { " " } else { "\n" };
            if !self.rest().starts_with(expected) {
                return None;
            }
            self.stand_for(first, produced)?;
        }
        self.at = start + taken;
        Some(taken)
    }

    fn escape(&mut self, raw: &str) -> Option<usize> {
        let produced = self.rest().chars().next()?.len_utf8();
        let width = match raw.chars().nth(1)? {
            'x' => 4,
            // A surrogate pair is written as two escapes.
            'u' if produced == 4 => 12,
            'u' => 6,
            'U' => 10,
            other => 1 + other.len_utf8(),
        };
        self.stand_for(width, produced)?;
        Some(width)
    }

    /// Literal and folded scalars; `range` begins with the text of the first line that has any.
    fn block(&mut self, source: &str, range: Range<usize>, style: Style) -> Option<()> {
        let text = self.value.trim_start_matches('\n');
        let leading = self.value.len() - text.len();
        if text.is_empty() {
            return None;
        }
        let line_start = source.get(..range.start)?.rfind('\n').map_or(0, |n| n + 1);
        let before = source.get(line_start..range.start)?;
        if !before.bytes().all(|b| b == b' ') {
            return None;
        }
        self.at = range.start;
        let indent = before.len();
        if leading > 0 {
            // The empty lines above the first text stand outside of the scalar's range.
            self.push(1)?;
            self.out += leading;
        }
        let mut rest = source.get(line_start..)?;
        let mut line_at = line_start;
        while self.out < self.value.len() && !rest.is_empty() {
            let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let line = rest.get(..length)?;
            let broken = break_length(rest.get(length..)?);
            let content = line.get(indent..).unwrap_or("");
            self.at = line_at + line.len() - content.len();
            self.copy(content)?;
            self.line_end(broken, style, content.is_empty())?;
            line_at += length + broken;
            rest = rest.get(length + broken..)?;
        }
        Some(())
    }

    fn line_end(&mut self, width: usize, style: Style, empty: bool) -> Option<()> {
        let newlines = self.rest().len() - self.rest().trim_start_matches('\n').len();
        match style {
            Style::Literal if newlines > 0 && width <= 1 => self.copy("\n"),
            Style::Literal if newlines > 0 => self.stand_for(width, 1),
            // The breaks of all empty lines that follow go with the first.
            Style::Folded if newlines > 0 => self.stand_for(width.max(1), newlines),
            Style::Folded if !empty && self.rest().starts_with(' ') => self.stand_for(width.max(1), 1),
            _ => Some(()),
        }
    }
}

fn break_length(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with(['\n', '\r'])) }
}
