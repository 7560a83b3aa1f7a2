//! What is wrong, as editors show it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::{
    Diagnostic as Shown, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Range,
};
use pathway_engine::diagnostic::{Diagnostic, Label, Severity};
use pathway_engine::source::Sources;

use super::{links, places};
use crate::config;

/// By file, what is wrong in it; what stands in no file is told of the project file.
pub(super) fn by_file(
    folder: &Path,
    sources: &Sources,
    found: &[Diagnostic],
) -> BTreeMap<PathBuf, Vec<Shown>> {
    let mut all: BTreeMap<PathBuf, Vec<Shown>> = BTreeMap::new();
    for diagnostic in found {
        let first = diagnostic.labels.first().and_then(|label| place(folder, sources, label));
        let (path, range) = first.unwrap_or_else(|| (folder.join(config::FILE), Range::default()));
        let shown = shown(folder, sources, diagnostic, range);
        all.entry(path).or_default().push(shown);
    }
    all
}

/// The file of a label, and where in it.
fn place(folder: &Path, sources: &Sources, label: &Label) -> Option<(PathBuf, Range)> {
    let path = folder.join(sources.path(label.span.file));
    let text = sources.text(label.span.file);
    let bytes = label.span.start as usize..label.span.end as usize;
    // Layers that are no files have texts, too.
    path.is_file().then(|| (path, places::range(text, &bytes)))
}

fn shown(folder: &Path, sources: &Sources, diagnostic: &Diagnostic, range: Range) -> Shown {
    let code = diagnostic.code.0;
    let mut message = diagnostic.message.clone();
    let label = diagnostic.labels.first().map(|label| label.text.as_str()).filter(|text| !text.is_empty());
    message.extend(label.map(|label| format!(" ({label})")));
    message.extend(diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}")));
    message.push_str(&format!("\nmore: pathway explain {code}"));
    let related: Vec<_> = diagnostic
        .labels
        .iter()
        .skip(1)
        .filter_map(|label| {
            let (path, range) = place(folder, sources, label)?;
            let location = Location { uri: links::uri(&path)?, range };
            Some(DiagnosticRelatedInformation { location, message: label.text.clone() })
        })
        .collect();
    Shown {
        range,
        severity: Some(match diagnostic.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(code.to_owned())),
        source: Some("pathway".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        ..Shown::default()
    }
}
