//! Requests → answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_server::Request;
use lsp_types::request::{
    Completion, DocumentSymbolRequest, GotoDefinition, HoverRequest, PrepareRenameRequest, Rename,
    Request as _,
};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit, DocumentChanges,
    DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, Documentation, GotoDefinitionParams,
    GotoDefinitionResponse, Hover, HoverContents, HoverParams, Location, MarkupContent, MarkupKind,
    OptionalVersionedTextDocumentIdentifier, PrepareRenameResponse, Range, RenameParams, SymbolKind,
    TextDocumentEdit, TextDocumentPositionParams, TextEdit, Uri, WorkspaceEdit,
};
use pathway_engine::analysis::{self, Known, Place, Sort, Symbol, Target};
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::source::{self, Sources};
use serde_json::Value as Json;

use super::projects::{self, Projects};
use super::{links, places, read};
use crate::config;

/// Why there is no answer.
pub(super) enum Refusal {
    /// It is not known what is asked.
    Unknown(String),
    /// It cannot be done.
    Impossible(String),
}

type Answer = Result<Json, Refusal>;

/// What is answered, with what is known of projects and the texts of open files.
pub(super) fn answer(projects: &Projects, open: &BTreeMap<PathBuf, String>, request: Request) -> Answer {
    let desk = Desk { projects, open };
    let answer = match request.method.as_str() {
        Completion::METHOD => read(request.params).and_then(|asked| desk.complete(&asked)),
        HoverRequest::METHOD => read(request.params).and_then(|asked| desk.hover(&asked)),
        GotoDefinition::METHOD => read(request.params).and_then(|asked| desk.definition(&asked)),
        DocumentSymbolRequest::METHOD => read(request.params).and_then(|asked| desk.symbols(&asked)),
        PrepareRenameRequest::METHOD => read(request.params).and_then(|asked| desk.renamable(&asked)),
        Rename::METHOD => match read(request.params) {
            Some(asked) => Some(desk.rename(&asked)?),
            None => None,
        },
        _ => return Err(Refusal::Unknown(request.method)),
    };
    Ok(answer.unwrap_or(Json::Null))
}

/// What answers are made of.
struct Desk<'a> {
    projects: &'a Projects,
    open: &'a BTreeMap<PathBuf, String>,
}

/// A file and a place in it.
struct Here<'a> {
    known: &'a Known,
    /// The folder of its project.
    folder: PathBuf,
    path: String,
    text: &'a str,
    document: pathway_engine::reference::Document,
    position: usize,
}

impl Here<'_> {
    fn place(&self) -> Place<'_> {
        Place { path: &self.path, document: self.document, text: self.text, position: self.position }
    }
}

impl<'a> Desk<'a> {
    fn here(&self, asked: &TextDocumentPositionParams) -> Option<Here<'a>> {
        let path = links::path(&asked.text_document.uri)?;
        let path = path.canonicalize().unwrap_or(path);
        let text = self.open.get(&path)?;
        let (known, name) = self.projects.of(&path)?;
        let document = projects::document(&name, text)?;
        let position = places::byte(text, asked.position);
        Some(Here { known, folder: self.projects.folder_of(&path), path: name, text, document, position })
    }

    fn complete(&self, asked: &CompletionParams) -> Option<Json> {
        let here = self.here(&asked.text_document_position)?;
        let found = analysis::complete(here.known, here.place());
        let range = places::range(here.text, &found.replaced);
        let items: Vec<CompletionItem> = found
            .proposals
            .into_iter()
            .zip(0_u32..)
            .map(|(proposal, n)| CompletionItem {
                kind: Some(kind(proposal.sort)),
                detail: Some(proposal.detail).filter(|text| !text.is_empty()),
                documentation: Some(proposal.documentation)
                    .filter(|text| !text.is_empty())
                    .map(|text| Documentation::MarkupContent(markdown(text))),
                // Keys as the reference lists them.
                sort_text: Some(format!("{n:04}")),
                filter_text: Some(proposal.label.clone()),
                text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                    range,
                    new_text: proposal.insert.unwrap_or_else(|| proposal.label.clone()),
                })),
                label: proposal.label,
                ..CompletionItem::default()
            })
            .collect();
        serde_json::to_value(items).ok()
    }

    fn hover(&self, asked: &HoverParams) -> Option<Json> {
        let here = self.here(&asked.text_document_position_params)?;
        let found = analysis::hover(here.known, here.place())?;
        let hover = Hover {
            contents: HoverContents::Markup(markdown(found.text)),
            range: Some(places::range(here.text, &found.range)),
        };
        serde_json::to_value(hover).ok()
    }

    fn definition(&self, asked: &GotoDefinitionParams) -> Option<Json> {
        let here = self.here(&asked.text_document_position_params)?;
        let (path, range) = match analysis::definition(here.known, here.place())? {
            Target::Place { path, range } => {
                let text = &here.known.files.iter().find(|file| file.path == path)?.text;
                (here.folder.join(path), places::range(text, &range))
            }
            Target::File(name) => {
                let path = here.folder.join(config::resolve(&here.path, &name).ok()?);
                (path.is_file().then_some(path)?, Range::default())
            }
        };
        serde_json::to_value(GotoDefinitionResponse::Scalar(Location { uri: links::uri(&path)?, range })).ok()
    }

    fn symbols(&self, asked: &DocumentSymbolParams) -> Option<Json> {
        let path = links::path(&asked.text_document.uri)?;
        let path = path.canonicalize().unwrap_or(path);
        let text = self.open.get(&path)?;
        let mut sources = Sources::new();
        let file = sources.add("", text.as_str());
        let node = source::parse(&sources, file, source::Limits::default(), &mut Diagnostics::new())?;
        let symbols = analysis::symbols(&node).into_iter().map(|it| symbol(text, it)).collect();
        serde_json::to_value(DocumentSymbolResponse::Nested(symbols)).ok()
    }

    fn renamable(&self, asked: &TextDocumentPositionParams) -> Option<Json> {
        let here = self.here(asked)?;
        let (range, placeholder) = analysis::renamable(here.place())?;
        let range = places::range(here.text, &range);
        serde_json::to_value(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder }).ok()
    }

    fn rename(&self, asked: &RenameParams) -> Answer {
        let impossible =
            || Refusal::Impossible("there is nothing here that could have another name".to_owned());
        let here = self.here(&asked.text_document_position).ok_or_else(impossible)?;
        let edits =
            analysis::rename(here.known, here.place(), &asked.new_name).map_err(Refusal::Impossible)?;
        let mut by_file: BTreeMap<String, Vec<lsp_types::OneOf<TextEdit, lsp_types::AnnotatedTextEdit>>> =
            BTreeMap::new();
        for edit in edits {
            let text = if edit.path == here.path {
                here.text
            } else {
                here.known.files.iter().find(|file| file.path == edit.path).map_or("", |file| &file.text)
            };
            let range = places::range(text, &(edit.start..edit.end));
            let edit_of_text = TextEdit { range, new_text: asked.new_name.clone() };
            by_file.entry(edit.path).or_default().push(lsp_types::OneOf::Left(edit_of_text));
        }
        let edit = |(path, edits): (String, Vec<_>)| {
            let uri: Uri = links::uri(&here.folder.join(Path::new(&path)))?;
            let text_document = OptionalVersionedTextDocumentIdentifier { uri, version: None };
            Some(TextDocumentEdit { text_document, edits })
        };
        let edits: Vec<TextDocumentEdit> = by_file.into_iter().filter_map(edit).collect();
        let change = WorkspaceEdit {
            document_changes: Some(DocumentChanges::Edits(edits)),
            ..WorkspaceEdit::default()
        };
        serde_json::to_value(change).map_err(|error| Refusal::Impossible(error.to_string()))
    }
}

fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

fn kind(sort: Sort) -> CompletionItemKind {
    match sort {
        Sort::Key => CompletionItemKind::PROPERTY,
        Sort::Verb => CompletionItemKind::KEYWORD,
        Sort::Word => CompletionItemKind::ENUM_MEMBER,
        Sort::Step => CompletionItemKind::REFERENCE,
        Sort::Name => CompletionItemKind::MODULE,
        Sort::Variable => CompletionItemKind::VARIABLE,
        Sort::Filter => CompletionItemKind::FUNCTION,
    }
}

fn symbol(text: &str, found: Symbol) -> DocumentSymbol {
    let range = places::range(text, &found.range);
    let inner: Vec<DocumentSymbol> = found.inner.into_iter().map(|it| symbol(text, it)).collect();
    let end = inner.last().map_or(range.end, |last| last.range.end);
    #[expect(deprecated, reason = "the type has this field")]
    DocumentSymbol {
        name: if found.name.is_empty() { "?".to_owned() } else { found.name },
        detail: Some(found.detail).filter(|text| !text.is_empty()),
        kind: if inner.is_empty() { SymbolKind::FIELD } else { SymbolKind::NAMESPACE },
        tags: None,
        deprecated: None,
        range: Range { start: range.start, end },
        selection_range: range,
        children: (!inner.is_empty()).then_some(inner),
    }
}
