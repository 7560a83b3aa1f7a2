//! Places in source files.

use std::sync::Arc;

/// A file of a [`Sources`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(crate) u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `start..end` in `file`.
    #[must_use]
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, start: clamp(start), end: clamp(end) }
    }

    /// From the start of `self` to the end of `other`, which is in the same file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { file: self.file, start: self.start, end: other.end.max(self.start) }
    }
}

/// A place as people count: lines and columns (in characters) begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the position after the last character.
    pub end_line: usize,
    /// Column of the position after the last character.
    pub end_column: usize,
}

#[derive(Debug)]
struct File {
    path: String,
    text: Arc<str>,
    /// Byte offset at which each line begins.
    lines: Vec<u32>,
}

/// All files that were read, by [`FileId`]; what a [`Span`] is resolved with.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<File>,
}

impl Sources {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; `path` is what messages show.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let lines = std::iter::once(0).chain(starts).map(|n| u32::try_from(n).unwrap_or(u32::MAX)).collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(File { path: path.into(), text, lines });
        id
    }

    /// The path under which `file` was added.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        self.file(file).map_or("", |f| &f.path)
    }

    /// The whole text of `file`.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        self.file(file).map_or("", |f| &f.text)
    }

    /// All files, in the order they were added.
    pub fn files(&self) -> impl Iterator<Item = FileId> + '_ {
        (0..self.files.len()).map(|n| FileId(u32::try_from(n).unwrap_or(u32::MAX)))
    }

    /// The text under `span`; empty where the span does not lie in its file.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Line `number` of `file`, from 1, without its break, and the offset at which it begins.
    #[must_use]
    pub fn line(&self, file: FileId, number: usize) -> Option<(usize, &str)> {
        let file = self.file(file)?;
        let start = *file.lines.get(number.checked_sub(1)?)? as usize;
        let end = file.lines.get(number).map_or(file.text.len(), |next| *next as usize);
        Some((start, file.text.get(start..end)?.trim_end_matches(['\n', '\r'])))
    }

    /// Lines and columns of `span`.
    #[must_use]
    pub fn locate(&self, span: Span) -> Location {
        let (line, column) = self.position(span.file, span.start);
        let (end_line, end_column) = self.position(span.file, span.end);
        Location { line, column, end_line, end_column }
    }

    fn position(&self, file: FileId, offset: u32) -> (usize, usize) {
        let Some(file) = self.file(file) else { return (1, 1) };
        let line = file.lines.partition_point(|start| *start <= offset).max(1);
        let start = file.lines.get(line - 1).copied().unwrap_or(0) as usize;
        let until = (offset as usize).min(file.text.len());
        let column = file.text.get(start..until).map_or(0, |text| text.chars().count()) + 1;
        (line, column)
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)
    }
}
