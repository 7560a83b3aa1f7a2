//! Tabs where YAML wants spaces.

use super::raw::Raw;
use crate::diagnostic::{Code, Diagnostic};

const TAB: Code = Code("PW0108");

/// The first tab of the indentation of what begins at `at`.
pub(super) fn indentation(raw: Raw<'_>, at: usize) -> Option<usize> {
    let start = raw.line_start(at);
    let before = raw.slice(start..at);
    if before.bytes().all(|b| matches!(b, b' ' | b'\t')) {
        before.find('\t').map(|n| start + n)
    } else {
        None
    }
}

/// The tab that the parser stumbled over near `at`: in the indentation of a line from there on,
/// else anywhere after.
pub(super) fn near(raw: Raw<'_>, at: usize) -> usize {
    let start = raw.line_start(at);
    let mut line_at = start;
    for line in raw.after(start).split_inclusive('\n') {
        let indented = line.len() - line.trim_start_matches(' ').len();
        if line.get(indented..).is_some_and(|rest| rest.starts_with('\t')) {
            return line_at + indented;
        }
        line_at += line.len();
    }
    raw.after(at).find('\t').map_or(at, |n| at + n)
}

pub(super) fn diagnostic(raw: Raw<'_>, tab: usize) -> Diagnostic {
    let end = tab + raw.after(tab).len() - raw.after(tab).trim_start_matches('\t').len();
    Diagnostic::error(TAB, "a tab cannot indent a line")
        .at(raw.span(&(tab..end)), "a tab")
        .help("indent with spaces")
}
