//! What to write instead: how a problem is mended, as data.
//!
//! Where the check that finds a problem knows for certain what was meant, it leaves a [`Fix`]. With the
//! sources at hand that becomes edits, which an editor shows and `check --fix` applies.

use std::ops::Range;

use super::Diagnostic;
use crate::source::{Sources, Span};

/// How a problem is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// A word within a place is another.
    Word {
        /// Where it stands, among other things.
        span: Span,
        /// What was written.
        written: String,
        /// What was meant.
        meant: String,
    },
    /// All of a place is another text.
    Text(Span, String),
    /// An item of a list, or the only value of a key, is taken away with what belongs to it.
    Remove(Span),
}

/// Text that stands in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub text: String,
}

impl Diagnostic {
    /// What mends it; none where that is not certain.
    #[must_use]
    pub fn edit(&self, sources: &Sources) -> Option<Edit> {
        match self.fix.as_ref()? {
            Fix::Text(span, text) => Some(Edit { span: *span, text: text.clone() }),
            Fix::Word { span, written, meant } => {
                let range = only_word(sources.slice(*span), written)?;
                let start = span.start as usize;
                let span = Span::new(span.file, start + range.start, start + range.end);
                Some(Edit { span, text: meant.clone() })
            }
            Fix::Remove(span) => {
                let range = removal(sources.text(span.file), span.start as usize..span.end as usize)?;
                Some(Edit { span: Span::new(span.file, range.start, range.end), text: String::new() })
            }
        }
    }
}

/// Applies `edits`, which are of one file, to its text. Of those that overlap the first is taken.
#[must_use]
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| edit.span);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in sorted {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        let Some(before) = text.get(at..start) else { continue };
        out.push_str(before);
        out.push_str(&edit.text);
        at = end.max(start);
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

/// Where `word` stands in `text`, if it stands there once.
fn only_word(text: &str, word: &str) -> Option<Range<usize>> {
    let belongs = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = text.match_indices(word).map(|(n, _)| n..n + word.len()).filter(|range| {
        let before = text.get(..range.start).and_then(|text| text.chars().next_back());
        let after = text.get(range.end..).and_then(|text| text.chars().next());
        !before.is_some_and(belongs) && !after.is_some_and(belongs)
    });
    let found = places.next().filter(|_| !word.is_empty())?;
    places.next().is_none().then_some(found)
}

/// All that goes with the item at `item`: its comma, its line, or the key whose only item it is.
fn removal(text: &str, item: Range<usize>) -> Option<Range<usize>> {
    let before = text.get(..item.start)?.trim_end();
    let after = text.get(item.end..)?;
    if before.ends_with('[') && after.trim_start().starts_with(']') {
        let close = item.end + after.find(']')? + 1;
        return entry(text, before.len() - 1..close);
    }
    if before.ends_with(['[', ',']) {
        return Some(between_commas(text, &item));
    }
    if before.ends_with('-') {
        // Of a list with a line for each item; where it is the only one, its key would be left.
        let line = line(text, &item)?;
        let mark = |line: &str| line.trim_start().starts_with("- ");
        let above = text.get(..line.start)?.lines().next_back().is_some_and(mark);
        let below = text.get(line.end..)?.lines().next().is_some_and(mark);
        return Some(line).filter(|_| above || below);
    }
    entry(text, item)
}

/// The entry of a map whose value stands at `value`.
fn entry(text: &str, value: Range<usize>) -> Option<Range<usize>> {
    let key = text.get(..value.start)?.trim_end().strip_suffix(':')?;
    let start = key.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |n| n + 1);
    let whole = start..value.end;
    let before = text.get(..start)?.trim_end_matches(' ');
    if before.is_empty() || before.ends_with('\n') {
        return line(text, &whole);
    }
    let is_alone = before.ends_with('{') && text.get(whole.end..)?.trim_start().starts_with('}');
    let in_flow = before.ends_with(['{', ',']) && !is_alone;
    in_flow.then(|| between_commas(text, &whole))
}

/// With the comma that follows, or else the one before.
fn between_commas(text: &str, item: &Range<usize>) -> Range<usize> {
    let after = text.get(item.end..).unwrap_or("");
    if let Some(rest) = after.trim_start().strip_prefix(',') {
        return item.start..text.len() - rest.trim_start_matches(' ').len();
    }
    let before = text.get(..item.start).unwrap_or("").trim_end();
    before.strip_suffix(',').map_or(item.start, |before| before.trim_end().len())..item.end
}

/// The lines that hold nothing else.
fn line(text: &str, item: &Range<usize>) -> Option<Range<usize>> {
    let start = text.get(..item.start)?.rfind('\n').map_or(0, |n| n + 1);
    let rest = text.get(item.end..)?;
    let end = item.end + rest.find('\n').map_or(rest.len(), |n| n + 1);
    text.get(item.end..end)?.trim().is_empty().then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_an_item() {
        for (text, item, left) in [
            ("a: [X, Y]", "X", "a: [Y]"),
            ("a: [X, Y]", "Y", "a: [X]"),
            ("s:\n  a: [ X ]\n  b: 1\n", "X", "s:\n  b: 1\n"),
            ("s:\n  a: X\n  b: 1\n", "X", "s:\n  b: 1\n"),
            ("s: { a: X, b: 1 }", "X", "s: { b: 1 }"),
            ("s: { b: 1, a: [X] }", "X", "s: { b: 1 }"),
            ("a:\n  - X\n  - Y\n", "X", "a:\n  - Y\n"),
        ] {
            let at = text.find(item).unwrap();
            let range = removal(text, at..at + item.len()).unwrap();
            let mut found = text.to_owned();
            found.replace_range(range, "");
            assert_eq!(found, left, "{text}");
        }
        for (text, item) in [("a:\n  - X\n", "X"), ("s: { a: X }", "X"), ("a: X # why\n", "X")] {
            let at = text.find(item).unwrap();
            assert_eq!(removal(text, at..at + item.len()), None, "{text}");
        }
    }

    #[test]
    fn a_word_that_stands_once() {
        assert_eq!(only_word("steps.prise.body", "prise"), Some(6..11));
        assert_eq!(only_word("steps.prise_2", "prise"), None);
        assert_eq!(only_word("a.a", "a"), None);
    }
}
