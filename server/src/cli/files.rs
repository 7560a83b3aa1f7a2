//! The files that a command is about: which they are, what they are, and their problems.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pathway_engine::diagnostic::{Diagnostic, Diagnostics};
use pathway_engine::source::{self, FileId, Kind, Node, Sources};

use super::{Exit, Failure};
use crate::config::Config;

/// What the first key of a file says that it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Document {
    Pathway(String),
    Feed(String),
    Unknown,
}

impl Document {
    /// What a text is.
    pub(super) fn of_text(text: &str) -> Self {
        let mut sources = Sources::new();
        let file = sources.add("", text);
        Self::of(parse(&sources, file).as_ref())
    }

    fn of(node: Option<&Node>) -> Self {
        let Some(node) = node else { return Self::Unknown };
        let name = |key: &str| node.get(key).and_then(Node::as_text).map(|name| name.value.clone());
        match (name("pathway"), node.get("feed")) {
            (Some(name), _) => Self::Pathway(name),
            (None, Some(_)) => Self::Feed(name("feed").unwrap_or_default()),
            (None, None) => Self::Unknown,
        }
    }
}

/// What the file at `path`, which was read before, is.
pub(super) fn document(config: &Config, path: &str) -> Document {
    Document::of(tree(config, path).as_ref())
}

/// The files that `paths`, files and folders, mean: relative to the project's folder.
pub(super) fn named(config: &mut Config, paths: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let inside = inside(config, path)?;
        if path.is_dir() {
            let found = config.pathway_files_in(&inside);
            if found.is_empty() {
                let message = format!("there is no pathway in `{}`", path.display());
                return Err(Failure::new(Exit::Usage, message).help("name a folder that has `*.yaml` files"));
            }
            files.extend(found);
        } else {
            files.push(inside);
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

/// `path` relative to the project's folder.
pub(super) fn inside(config: &Config, path: &Path) -> Result<String, Failure> {
    config.relative(path).ok_or_else(|| {
        let (path, folder) = (path.display(), config.root.folder().display());
        Failure::new(Exit::Usage, format!("`{path}` is not in the project's folder, `{folder}`"))
            .help("name its project with `--project`, or lay it into that folder")
    })
}

/// The problems that concern `asked`: those in these files and in what they name, and those of
/// the configuration, which is all that was read before `loaded`. `loaded` are all pathway files.
pub(super) fn concerning(
    config: &Config,
    asked: &[String],
    loaded: &[String],
    found: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let mut files: BTreeSet<String> = asked.iter().cloned().collect();
    for path in asked {
        if let Some(node) = tree(config, path) {
            texts(&node, &mut |text| files.extend(config.root.resolve(path, text)));
        }
    }
    let paths = config.sources.files().map(|file| config.sources.path(file));
    files.extend(paths.take_while(|path| loaded.iter().all(|file| file != path)).map(str::to_owned));
    let others: BTreeSet<&String> = loaded.iter().filter(|path| !asked.contains(path)).collect();
    let concerns = |diagnostic: &Diagnostic| match diagnostic.labels.first() {
        Some(label) => {
            let path = config.sources.path(label.span.file).to_owned();
            files.contains(&path) && !others.contains(&path)
        }
        None => true,
    };
    found.into_iter().filter(concerns).collect()
}

fn tree(config: &Config, path: &str) -> Option<Node> {
    let file = config.sources.files().filter(|file| config.sources.path(*file) == path).last()?;
    parse(&config.sources, file)
}

/// Whatever is wrong is told elsewhere.
fn parse(sources: &Sources, file: FileId) -> Option<Node> {
    source::parse(sources, file, source::Limits::default(), &mut Diagnostics::new())
}

/// Shows all texts in a tree.
fn texts(node: &Node, show: &mut dyn FnMut(&str)) {
    match &node.kind {
        Kind::Text(text) => show(&text.value),
        Kind::List(items) => items.iter().for_each(|item| texts(item, show)),
        Kind::Map(entries) => entries.iter().for_each(|entry| texts(&entry.value, show)),
        _ => {}
    }
}
