//! One JSON object a line, for programs.

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Sources, Span};

#[derive(Serialize)]
struct Report<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Option<Place<'a>>,
    labels: Vec<Label<'a>>,
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    text: String,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct Label<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    text: &'a str,
}

pub(super) fn render(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let report = Report {
        code: diagnostic.code.0,
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &diagnostic.message,
        place: diagnostic.labels.first().map(|label| place(sources, label.span)),
        labels: diagnostic
            .labels
            .iter()
            .map(|label| Label { place: place(sources, label.span), text: &label.text })
            .collect(),
        help: diagnostic.help.as_deref(),
        edits: diagnostic
            .edit(sources)
            .map(|edit| Edit { place: place(sources, edit.span), text: edit.text })
            .into_iter()
            .collect(),
    };
    let mut out = String::new();
    for c in serde_json::to_string(&report).unwrap_or_default().chars() {
        // JSON lets these stand; a terminal that shows the line would obey them.
        match c {
            '\u{7f}'..='\u{9f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out + "\n"
}

fn place(sources: &Sources, span: Span) -> Place<'_> {
    let at = sources.locate(span);
    Place {
        file: sources.path(span.file),
        line: at.line,
        column: at.column,
        end_line: at.end_line,
        end_column: at.end_column,
    }
}
