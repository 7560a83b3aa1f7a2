//! Diagnostics for people, programs and code hosts.

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
pub fn render(_diagnostics: &[Diagnostic], _sources: &Sources, _format: Format) -> String {
    String::new()
}
