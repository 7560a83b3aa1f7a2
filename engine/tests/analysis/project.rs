//! A project as an editor knows it.

use std::sync::Arc;

use pathway_engine::analysis::{Known, Place, Seen};
use pathway_engine::compile::{File, Surroundings, examine};
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use pathway_engine::reference::Document;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};

use crate::support::fixture;

struct NoFiles;

impl Schemas for NoFiles {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

/// The files of a fixture, read.
pub(crate) fn known(fixture: &str) -> Known {
    let mut sources = Sources::new();
    let mut unheard = Diagnostics::new();
    let mut known = Known::default();
    let mut pathways = Vec::new();
    let files = fixture::files(fixture);
    for (path, text) in &files {
        let file = sources.add(path.as_str(), text.as_str());
        let Some(node) = source::parse(&sources, file, source::Limits::default(), &mut unheard) else {
            continue;
        };
        let document = match path.as_str() {
            "pathway.yaml" => Document::Project,
            path if path.ends_with(".test.yaml") => Document::Test,
            _ if text.starts_with("feed:") => Document::Feed,
            _ => Document::Pathway,
        };
        if document == Document::Project {
            known.project = Project::read(&node, &Variables::new(), &mut unheard);
        }
        if matches!(document, Document::Pathway | Document::Feed) {
            pathways.push(File { text: text.as_str().into(), node: node.clone() });
        }
        known.files.push(Seen {
            path: path.clone(),
            document,
            text: text.as_str().into(),
            node,
            notes: None,
        });
    }
    let variables = Variables::new();
    let surroundings = Surroundings { project: &known.project, variables: &variables };
    let (_, notes) = examine(&pathways, surroundings, &mut NoFiles, &mut unheard);
    for notes in notes {
        let path = sources.path(notes.file).to_owned();
        known.files.iter_mut().find(|file| file.path == path).unwrap().notes = Some(notes);
    }
    known
}

/// The place of `|` in a text that stands for the file `path`.
pub(crate) struct Cursor {
    path: String,
    document: Document,
    pub(crate) text: String,
    position: usize,
}

impl Cursor {
    pub(crate) fn new(path: &str, document: Document, text: &str) -> Self {
        let position = text.find('¦').unwrap();
        Self { path: path.to_owned(), document, text: text.replacen('¦', "", 1), position }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { path: &self.path, document: self.document, text: &self.text, position: self.position }
    }
}
