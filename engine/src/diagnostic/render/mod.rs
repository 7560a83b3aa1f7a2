//! Diagnostics for people, programs and code hosts.

mod excerpt;
mod github;
mod human;
mod json;
mod visible;

use super::Diagnostic;
use crate::source::Sources;

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Underlined source, with or without colour.
    Human {
        /// ANSI colours.
        color: bool,
    },
    /// One JSON object a line.
    Json,
    /// Workflow commands that annotate a pull request.
    Github,
}

/// Renders `diagnostics` in the order given.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        match format {
            Format::Human { color } => out.push_str(&human::render(diagnostic, sources, color)),
            Format::Json => out.push_str(&json::render(diagnostic, sources)),
            Format::Github => out.push_str(&github::render(diagnostic, sources)),
        }
    }
    out
}
