//! Workflow commands: a line each, which the code host turns into annotations.

use std::fmt::Write as _;

use super::visible::visible;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Sources;

pub(super) fn render(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let mut out = String::from(match diagnostic.severity {
        Severity::Error => "::error ",
        Severity::Warning => "::warning ",
    });
    if let Some(label) = diagnostic.labels.first() {
        let place = sources.locate(label.span);
        let file = property(sources.path(label.span.file));
        // Writing to a String does not fail.
        _ = write!(out, "file={file},line={},col={},", place.line, place.column);
    }
    let message = match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    _ = writeln!(out, "title={}::{}", property(diagnostic.code.0), data(&message));
    out
}

fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    text.chars().map(visible).collect()
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
