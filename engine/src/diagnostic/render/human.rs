//! Source underlined, as people read it.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::excerpt::excerpt;
use super::visible;
use crate::diagnostic::{Diagnostic, Label, Severity, page};
use crate::source::{FileId, Sources};

pub(super) fn render(diagnostic: &Diagnostic, sources: &Sources, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(visible::line(&diagnostic.message)).id(diagnostic.code.0);
    let mut group = Group::with_title(title);
    // The renderer counts columns in what is shown of a cut line; people look for the file's.
    let mut columns: Vec<(String, String)> = Vec::new();
    for (file, labels) in by_file(&diagnostic.labels) {
        let spans: Vec<_> = labels.iter().map(|(_, label)| label.span).collect();
        let Some(first) = spans.first() else { continue };
        let place = sources.locate(*first);
        let excerpt = excerpt(sources, file, &spans);
        let marks = labels.iter().zip(excerpt.spans).map(|((primary, label), span)| {
            let kind = if *primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let text = Some(visible::line(&label.text)).filter(|text| !text.is_empty());
            kind.span(span).label(text)
        });
        let path = visible::line(sources.path(file));
        if excerpt.column != place.column {
            let shown = format!("{path}:{}:{}", place.line, excerpt.column);
            columns.push((shown, format!("{path}:{}:{}", place.line, place.column)));
        }
        let snippet = Snippet::source(excerpt.text)
            .path(path)
            .line_start(excerpt.first_line)
            .annotations(marks.collect::<Vec<Annotation<'_>>>());
        group = group.element(snippet);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(visible::line(help)));
    }
    if page(diagnostic.code.0).is_some() {
        let more = format!("pathway explain {}", diagnostic.code.0);
        group = group.element(Level::NOTE.with_name("more").message(more));
    }
    let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let mut text = renderer.render(&[group]);
    for (shown, real) in columns {
        text = text.replacen(&shown, &real, 1);
    }
    format!("{}\n\n", text.trim_end())
}

/// Labels by file, the problem's own file first; the first label of all is the primary one.
fn by_file(labels: &[Label]) -> Vec<(FileId, Vec<(bool, &Label)>)> {
    let mut files: Vec<(FileId, Vec<(bool, &Label)>)> = Vec::new();
    for (n, label) in labels.iter().enumerate() {
        match files.iter_mut().find(|(file, _)| *file == label.span.file) {
            Some((_, list)) => list.push((n == 0, label)),
            None => files.push((label.span.file, vec![(n == 0, label)])),
        }
    }
    files
}
