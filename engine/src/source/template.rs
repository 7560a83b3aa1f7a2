//! Templates that YAML reads as something else: `{{ x }}` without quotes is a map whose key is
//! a map, `${X}` inside `{ }` ends at its brace, and ` #` cuts text off.

use std::ops::Range;

use super::raw::Raw;
use crate::diagnostic::{Code, Diagnostic, Fix};

const UNQUOTED: Code = Code("PW0102");
const CUT: Code = Code("PW0106");
const VARIABLE: Code = Code("PW0107");

/// Whether a template begins at `at`.
pub(super) fn begins(raw: Raw<'_>, at: usize) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| raw.after(at).starts_with(open))
}

/// The template without quotes that begins at `at`, and where it ends on its line. In a flow
/// collection it ends with its braces, else with the line.
pub(super) fn unquoted(raw: Raw<'_>, at: usize, flow: bool) -> (Diagnostic, usize) {
    let line = raw.slice(at..raw.line_end(at));
    let close = match line.get(..2) {
        Some("{%") => "%}",
        Some("{#") => "#}",
        _ => "}}",
    };
    let closed = line.find(close).map(|n| n + close.len());
    let is_key = |n: usize| line.get(n..).is_some_and(|rest| rest == ":" || rest.starts_with(": "));
    let length = if flow || closed.is_some_and(is_key) {
        closed.unwrap_or(line.len())
    } else {
        // A `#` inside the template begins no comment that its author meant.
        let last = line.rfind(close).map_or(0, |n| n + close.len());
        raw.value_end(at + last) - at
    };
    let written = line.get(..length).unwrap_or(line);
    let problem = Diagnostic::error(UNQUOTED, "a template that begins a value must be in quotes")
        .at(raw.span(&(at..at + length)), "YAML reads `{` as the beginning of a map")
        .help(format!("quote the template: {}", quoted(written)))
        .fix(Fix::Text(raw.span(&(at..at + length)), in_quotes(written)));
    (problem, at + length)
}

/// An unquoted template on the line of `at`, at which YAML gave up.
pub(super) fn before(raw: Raw<'_>, at: usize) -> Option<usize> {
    let start = raw.line_start(at);
    let line = raw.slice(start..raw.line_end(at));
    line.match_indices('{').map(|(n, _)| start + n).take_while(|open| *open <= at).find(|open| {
        let prefix = raw.slice(start..*open).trim_end_matches(' ');
        begins(raw, *open)
            && (prefix.is_empty() && *open == start || prefix.ends_with([':', '-', ',', '[', '{']))
    })
}

/// `${X}` inside a flow collection; `at` is its brace.
pub(super) fn variable(raw: Raw<'_>, at: usize) -> Option<Diagnostic> {
    let start = at.checked_sub(1).filter(|start| raw.after(*start).starts_with("${"))?;
    let line = raw.slice(start..raw.line_end(start));
    let end = start + line.find('}').map_or(line.len(), |n| n + 1);
    let written = raw.slice(start..end);
    Some(
        Diagnostic::error(
            VARIABLE,
            format!("`{}` inside `{{ }}` or `[ ]` must be in quotes", shorten(written)),
        )
        .at(raw.span(&(start..end)), "YAML ends the text at the brace")
        .help(format!("quote it: {}", quoted(written)))
        .fix(Fix::Text(raw.span(&(start..end)), in_quotes(written))),
    )
}

/// A warning where a plain scalar ends at a comment in the middle of a template or a quote.
pub(super) fn cut_by_comment(raw: Raw<'_>, range: &Range<usize>, value: &str) -> Option<Diagnostic> {
    let rest = raw.slice(range.end..raw.line_end(range.end));
    let comment = rest.trim_start_matches([' ', '\t']);
    if !comment.starts_with('#') || !is_unfinished(value) {
        return None;
    }
    let start = range.end + rest.len() - comment.len();
    Some(
        Diagnostic::warning(CUT, "the text ends in the middle, because ` #` begins a comment")
            .at(raw.span(&(start..start + comment.len())), "not part of the text")
            .at(raw.span(range), "the text")
            .help("put the whole text in quotes"),
    )
}

/// Whether a template, a `${` or a quote was begun and not ended.
fn is_unfinished(value: &str) -> bool {
    let count = |text| value.matches(text).count();
    if count("{{") > count("}}") || count("{%") > count("%}") || (count("${") > 0 && count("}") < count("${"))
    {
        return true;
    }
    let mut open = None;
    let mut previous = ' ';
    for c in value.chars() {
        match open {
            Some(quote) if c == quote => open = None,
            // An apostrophe inside a word opens nothing.
            None if matches!(c, '\'' | '"') && !previous.is_alphanumeric() => open = Some(c),
            _ => {}
        }
        previous = c;
    }
    open.is_some()
}

/// `text` in YAML quotes, between backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", in_quotes(&shorten(text)))
}

/// `text`, which is one line, in YAML quotes.
pub(super) fn in_quotes(text: &str) -> String {
    match (text.contains(['"', '\\']), text.contains('\'')) {
        (false, _) => format!("\"{text}\""),
        (true, false) => format!("'{text}'"),
        (true, true) => format!("'{}'", text.replace('\'', "''")),
    }
}

/// User text for a message: its first line, not too long.
pub(super) fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(60) {
        Some((n, _)) => format!("{}…", line.get(..n).unwrap_or("")),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_unfinished;

    #[test]
    fn unfinished() {
        for text in ["a {{ b", "{% if x", "${X", "x == 'a", "say \"it", "f('a', \"b"] {
            assert!(is_unfinished(text), "{text}");
        }
        for text in ["don't", "users' data", "{{ a }}", "${X}", "x == 'a'", "5\" pipe", "it's 'quoted'"] {
            assert!(!is_unfinished(text), "{text}");
        }
    }
}
