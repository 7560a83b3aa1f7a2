//! What is being written at the end of an expression, and which expression a place lies in.

use std::ops::Range;

use super::{is_bare, is_template};
use crate::reference::Takes;

/// What the end of an expression is the beginning of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail<'a> {
    /// A name: those before it, each followed by a dot or an index, and the part that is there.
    Name(Vec<&'a str>, &'a str),
    /// A filter.
    Filter(&'a str),
    /// A text in quotes, or a number.
    Other,
}

/// The expression around byte `position` of the value at `range`; none, if it lies in no expression.
pub(super) fn expression(
    text: &str,
    range: Range<usize>,
    position: usize,
    takes: Takes,
) -> Option<Range<usize>> {
    let value = text.get(range.clone())?;
    let before = text.get(range.start..position.clamp(range.start, range.end))?;
    if is_bare(takes) {
        let quotes = value.starts_with(['"', '\'']);
        let start = range.start + usize::from(quotes);
        let end =
            if quotes && value.len() > 1 && value.ends_with(['"', '\'']) { range.end - 1 } else { range.end };
        return (start..=end).contains(&position).then_some(start..end);
    }
    if !is_template(takes) {
        return None;
    }
    let open = ["{{", "{%"].iter().filter_map(|open| before.rfind(open)).max()?;
    let inner = before.get(open + 2..)?;
    if inner.contains("}}") || inner.contains("%}") {
        return None;
    }
    let start = range.start + open + 2;
    let rest = text.get(start..range.end)?;
    let end = ["}}", "%}"].iter().filter_map(|close| rest.find(close)).min().unwrap_or(rest.len());
    Some(start..start + end)
}

/// What `written`, all of an expression before the cursor, ends with.
pub(super) fn tail(written: &str) -> Tail<'_> {
    if is_quoted(written) {
        return Tail::Other;
    }
    let (before, word) = split_word(written);
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return Tail::Other;
    }
    let trimmed = before.trim_end();
    if trimmed.ends_with('|') && !trimmed.ends_with("||") {
        return Tail::Filter(word);
    }
    let mut names = Vec::new();
    let mut rest = before;
    while let Some(left) = rest.strip_suffix('.') {
        let left = without_indexes(left);
        let (before, name) = split_word(left);
        if name.is_empty() {
            return Tail::Other;
        }
        names.insert(0, name);
        rest = before;
    }
    Tail::Name(names, word)
}

/// The path that ends with the word around `at`, and where that word stands in `expression`; with the sign
/// before it, where it is a filter.
pub(super) fn word(expression: &str, at: usize) -> Option<(Tail<'_>, Range<usize>)> {
    let rest = expression.get(at..)?;
    let end = at + rest.find(|c: char| !is_letter(c)).unwrap_or(rest.len());
    let written = expression.get(..end)?;
    let (before, word) = split_word(written);
    (!word.is_empty()).then(|| (tail(written), before.len()..end))
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn split_word(text: &str) -> (&str, &str) {
    let start = text.trim_end_matches(is_letter).len();
    text.split_at_checked(start).unwrap_or((text, ""))
}

/// Without `[0]` and the like at its end.
fn without_indexes(mut text: &str) -> &str {
    while text.ends_with(']') {
        match text.rfind('[').and_then(|n| text.get(..n)) {
            Some(before) => text = before,
            None => return text,
        }
    }
    text
}

fn is_quoted(text: &str) -> bool {
    let mut open = None;
    for c in text.chars() {
        match open {
            Some(quote) if quote == c => open = None,
            Some(_) => {}
            None if ['"', '\''].contains(&c) => open = Some(c),
            None => {}
        }
    }
    open.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        let name = Tail::Name;
        for (written, wanted) in [
            ("inp", name(vec![], "inp")),
            (" steps.a.", name(vec!["steps", "a"], "")),
            ("x and steps.a.body[0].na", name(vec!["steps", "a", "body"], "na")),
            ("input.x | da", Tail::Filter("da")),
            ("input.x |", Tail::Filter("")),
            ("'inp", Tail::Other),
            ("f(", name(vec![], "")),
            ("1.", Tail::Other),
        ] {
            let found = tail(written);
            // A number is no name.
            if written == "1." {
                assert_eq!(found, name(vec!["1"], ""));
            } else {
                assert_eq!(found, wanted, "{written}");
            }
        }
    }
}
