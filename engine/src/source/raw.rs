//! The text of one file, asked by offset.

use std::ops::Range;

use super::{FileId, Span};

/// A file while it is parsed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
}

impl<'a> Raw<'a> {
    pub(super) fn span(self, range: &Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    pub(super) fn slice(self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or("")
    }

    /// All that follows `at`.
    pub(super) fn after(self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or("")
    }

    /// The nearest offset not after `at` where a character begins.
    pub(super) fn floor(self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at).rev().find(|n| self.text.is_char_boundary(*n)).unwrap_or(0)
    }

    pub(super) fn line_start(self, at: usize) -> usize {
        self.slice(0..self.floor(at)).rfind('\n').map_or(0, |n| n + 1)
    }

    /// Where the line that holds `at` ends, its break and the blanks before it excluded.
    pub(super) fn line_end(self, at: usize) -> usize {
        let at = self.floor(at);
        let rest = self.after(at);
        at + rest.get(..rest.find('\n').unwrap_or(rest.len())).unwrap_or("").trim_end().len()
    }

    pub(super) fn same_line(self, a: usize, b: usize) -> bool {
        !self.slice(a.min(b)..a.max(b)).contains('\n')
    }

    /// The text from `at` to the end of its line, without a comment.
    pub(super) fn value_end(self, at: usize) -> usize {
        let line = self.slice(at..self.line_end(at));
        at + line.find(" #").map_or(line, |n| line.get(..n).unwrap_or("")).trim_end().len()
    }
}
