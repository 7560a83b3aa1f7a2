//! Projects as an editor has them open: checked, and what is known of their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lsp_types::Diagnostic as Shown;
use pathway_engine::analysis::{Known, Seen};
use pathway_engine::compile;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::reference::Document;
use pathway_engine::source::{self, FileId, Node};
use pathway_engine::testing::{Setting, Suite};

use super::diagnostics;
use crate::config::{self, Config, Drafts, FILE, Request};
use crate::loading::{self, Loaded};

/// See above.
pub(super) struct Projects {
    request: Request,
    /// By their folders.
    known: BTreeMap<PathBuf, Known>,
}

impl Projects {
    pub(super) fn new(request: Request) -> Self {
        Self { request, known: BTreeMap::new() }
    }

    /// The folder of the project that a file belongs to: the nearest that has a project file.
    pub(super) fn folder_of(&self, file: &Path) -> PathBuf {
        let nearest = file.ancestors().skip(1).find(|folder| folder.join(FILE).is_file());
        let folder = nearest.or(file.parent()).unwrap_or(file);
        folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
    }

    /// What is known of the project of a file, and what the file is called there.
    pub(super) fn of(&self, file: &Path) -> Option<(&Known, String)> {
        let folder = self.folder_of(file);
        let parts: Option<Vec<&str>> =
            file.strip_prefix(&folder).ok()?.iter().map(|part| part.to_str()).collect();
        Some((self.known.get(&folder)?, parts?.join("/")))
    }

    /// Checks the project in `folder`, where `drafts` are the texts of open files; tells by file what is wrong.
    pub(super) fn check(&mut self, folder: &Path, drafts: Drafts) -> BTreeMap<PathBuf, Vec<Shown>> {
        let request = Request {
            near: Some(folder.to_owned()),
            directory: folder.to_owned(),
            drafts,
            ..self.request.clone()
        };
        // Where even that cannot be read, what was known is all there is.
        let Ok(mut config) = Config::load(&request) else { return BTreeMap::new() };
        let paths = config.pathway_files();
        let loaded = loading::load_noting(&mut config, &paths);
        if !config.diagnostics.has_errors() {
            config.diagnostics.extend(compile::unused(&loaded.program, &config.project));
        }
        let mut found = Diagnostics::new();
        let known = self.known.entry(folder.to_owned()).or_default();
        let tests = tests(&mut config, &loaded, known, &mut found);
        config.diagnostics.extend(found);
        remember(known, &config, loaded, tests);
        diagnostics::by_file(config.root.folder(), &config.sources, &config.diagnostics.clone().sorted())
    }
}

/// The tests of a project that can be read; what is wrong with them is added to `found`.
fn tests(
    config: &mut Config,
    loaded: &Loaded,
    known: &Known,
    found: &mut Diagnostics,
) -> Vec<(FileId, Node)> {
    let mut tests = Vec::new();
    for path in config.test_files() {
        let Some(file) = config.add_file(&path, None) else { continue };
        let limits = source::Limits::default();
        let Some(node) = source::parse(&config.sources, file, limits, found) else { continue };
        let tested = node.get("test").and_then(Node::as_text).map(|text| text.value.as_str());
        // Where the pathway itself is wrong, what is wrong with its test follows from that.
        let is_broken = tested.is_some_and(|name| {
            let now = loaded.files.iter().map(|file| &file.node);
            let before = known.files.iter().map(|file| &file.node);
            !loaded.program.pathways.contains_key(name)
                && now.chain(before).any(|node| is_pathway(node, name))
        });
        if !is_broken {
            let setting = Setting { program: &loaded.program, project: &config.project };
            drop(Suite::parse(&node, setting, found));
        }
        tests.push((file, node));
    }
    tests
}

fn is_pathway(node: &Node, name: &str) -> bool {
    node.get("pathway").and_then(Node::as_text).is_some_and(|text| text.value == name)
}

/// What could be read is known from now on; of the rest, what was known before.
fn remember(known: &mut Known, config: &Config, loaded: Loaded, tests: Vec<(FileId, Node)>) {
    known.project = config.project.clone();
    known.variables = config.variables.clone();
    let mut notes = loaded.notes;
    let mut files = Vec::new();
    let mut see = |file: FileId, document: Document, node: Node| {
        let note = notes.iter().position(|notes| notes.file == file).map(|n| notes.swap_remove(n));
        files.push(Seen {
            path: config.sources.path(file).to_owned(),
            document,
            text: config.sources.text(file).into(),
            node,
            notes: note,
        });
    };
    for file in loaded.files {
        let document = if file.node.get("pathway").is_none() && file.node.get("feed").is_some() {
            Document::Feed
        } else {
            Document::Pathway
        };
        see(file.node.span.file, document, file.node);
    }
    for (file, node) in tests {
        see(file, Document::Test, node);
    }
    let is_project = |file: &FileId| config.sources.path(*file) == config::FILE;
    if let Some(file) = config.sources.files().find(is_project) {
        let limits = source::Limits::default();
        let node = source::parse(&config.sources, file, limits, &mut Diagnostics::new());
        if let Some(node) = node {
            see(file, Document::Project, node);
        }
    }
    for file in files {
        match known.files.iter_mut().find(|seen| seen.path == file.path) {
            Some(seen) => {
                // A pathway that cannot be checked keeps what was known of its values.
                let notes = file.notes.or(seen.notes.take());
                *seen = Seen { notes, ..file };
            }
            None => known.files.push(file),
        }
    }
    known.files.retain(|seen| config.root.folder().join(&seen.path).is_file());
}

/// What a file is, by its name and its text.
pub(super) fn document(path: &str, text: &str) -> Option<Document> {
    let is_yaml = [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
    if path == FILE {
        Some(Document::Project)
    } else if [".test.yaml", ".test.yml"].iter().any(|end| path.ends_with(end)) {
        Some(Document::Test)
    } else if !is_yaml {
        None
    } else if text.lines().any(|line| line.starts_with("feed:")) || path.ends_with(".feed.yaml") {
        Some(Document::Feed)
    } else {
        Some(Document::Pathway)
    }
}
