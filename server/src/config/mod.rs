//! The configuration of a process: where its project is and what holds for it.
//!
//! Layers, each over those before it: built-in defaults, the project file, `.env` beside it, the
//! environment, flags. All are laid into one tree whose spans tell where a value came from, and
//! the engine reads the [`Project`] from that tree.

mod dotenv;
mod files;
mod origin;
mod overlay;
mod pattern;
mod request;
mod secrets;
mod show;
mod variables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pathway_engine::diagnostic::{Code, Diagnostic, Diagnostics};
use pathway_engine::expression::Variables;
use pathway_engine::project::{Project, Store};
use pathway_engine::source::{self, FileId, Kind, Node, Sources, Span};

pub use files::{FileError, Open, Root, read_text, resolve};
pub use origin::Origin;
pub use request::Request;
pub use show::Setting;

use origin::Origins;
use overlay::Overlay;
use pattern::Pattern;
use variables::Table;

use crate::identity::AdminToken;
use crate::seal;

const UNREADABLE: Code = Code("PW0620");
const NOT_UTF8: Code = Code("PW0621");
const DOTENV: Code = Code("PW0622");
const TWICE: Code = Code("PW0623");
const OUTSIDE: Code = Code("PW0627");
const NO_MATCH: Code = Code("PW0628");

/// Variables that no file of the project names: the server reads them itself.
const SERVERS_OWN: [&str; 2] = [seal::VARIABLE, AdminToken::VARIABLE];

/// The name of the project file.
pub const FILE: &str = "pathway.yaml";

/// A project, all layers taken together.
#[derive(Debug)]
pub struct Config {
    /// The folder that holds all its files.
    pub root: Root,
    /// Its file; none: there are only defaults and what lies over them.
    pub file: Option<PathBuf>,
    /// Everything that was read, for diagnostics.
    pub sources: Sources,
    /// What holds.
    pub project: Project,
    /// What `${NAME}` stands for.
    pub variables: Variables,
    /// What is wrong.
    pub diagnostics: Diagnostics,
    /// What was asked for, to ask again.
    pub request: Request,
    tree: Node,
    origins: Origins,
    table: Table,
}

impl Config {
    /// Loads what `request` asks for. All that is wrong is in [`Config::diagnostics`].
    ///
    /// # Errors
    /// If there is no such folder, or no such file that was asked for by name.
    pub fn load(request: &Request) -> std::io::Result<Self> {
        let (file, root) = request.locate()?;
        let mut sources = Sources::new();
        let mut origins = Origins::default();
        let mut diagnostics = Diagnostics::new();
        let mut table = Table::default();

        let defaults = sources.add("defaults", include_str!("defaults.yaml"));
        origins.set(defaults, Origin::Default);
        let limits = source::Limits::default();
        let mut tree = source::parse(&sources, defaults, limits, &mut diagnostics)
            .unwrap_or_else(|| overlay::empty(defaults));

        if let Some(path) = &file {
            let dotenv = dotenv_layer(path, &mut sources, &mut diagnostics);
            table.add_layer(dotenv, root.folder(), &mut diagnostics);
        }
        let environment = request.environment.iter();
        let environment = environment.map(|(name, value)| (name.clone(), value.clone(), Origin::Environment));
        table.add_layer(environment, &request.directory, &mut diagnostics);

        if let Some(path) = &file
            && let Some(id) = add(&mut sources, &name_of(path), root.text(path), None, &mut diagnostics)
        {
            table.mention(sources.text(id), &mut diagnostics);
            if let Some(over) = source::parse(&sources, id, limits, &mut diagnostics)
                && over.kind != Kind::Null
            {
                tree = overlay::merge(tree, over);
            }
        }
        let mut over = Overlay {
            tree: &mut tree,
            sources: &mut sources,
            origins: &mut origins,
            diagnostics: &mut diagnostics,
        };
        over.variables(&mut table);
        for flag in &request.flags {
            over.flag(flag, &mut table);
        }
        for name in SERVERS_OWN {
            table.mention(&format!("${{{name}}}"), &mut diagnostics);
        }
        let variables = table.variables();
        let project = Project::read(&tree, &variables, &mut diagnostics);
        if matches!(project.store, Store::Postgres(_)) {
            drop_folder(&mut tree);
        }
        Ok(Self {
            root,
            file,
            sources,
            project,
            variables,
            diagnostics,
            request: request.clone(),
            tree,
            origins,
            table,
        })
    }

    /// The pathways and feeds of the project, relative to its folder, in order.
    pub fn pathway_files(&mut self) -> Vec<String> {
        self.files(|path| !is_test(path))
    }

    /// The pathways and feeds in a folder of the project.
    pub fn pathway_files_in(&mut self, folder: &str) -> Vec<String> {
        let all = if folder.is_empty() { "**/*.yaml".to_owned() } else { format!("{folder}/**/*.yaml") };
        let all = Pattern::new(&all);
        let found = all.and_then(|pattern| self.root.find(&pattern).ok()).unwrap_or_default();
        found.into_iter().filter(|path| !is_test(path) && path != FILE).collect()
    }

    /// The tests of the project, relative to its folder, in order.
    pub fn test_files(&mut self) -> Vec<String> {
        self.files(is_test)
    }

    /// The tests in a folder of the project.
    pub fn test_files_in(&mut self, folder: &str) -> Vec<String> {
        let patterns = ["yaml", "yml"].map(|end| Pattern::new(&format!("{folder}/**/*.{end}")));
        let found = patterns.into_iter().flatten().filter_map(|pattern| self.root.find(&pattern).ok());
        let mut found: Vec<String> = found.flatten().filter(|path| is_test(path)).collect();
        found.sort();
        found
    }

    /// Reads a file of the project into [`Config::sources`]; `named_at` is where its name stands.
    /// The variables that it names are known from then on.
    pub fn add_file(&mut self, path: &str, named_at: Option<Span>) -> Option<FileId> {
        let id = add(&mut self.sources, path, self.root.read(path), named_at, &mut self.diagnostics)?;
        self.table.mention(self.sources.text(id), &mut self.diagnostics);
        self.variables = self.table.variables();
        Some(id)
    }

    /// `path` relative to the project's folder; none if it is outside or not there.
    #[must_use]
    pub fn relative(&self, path: &Path) -> Option<String> {
        let real = path.canonicalize().ok()?;
        let inside = real.strip_prefix(self.root.folder()).ok()?;
        let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
        Some(parts?.join("/"))
    }

    fn files(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut found = BTreeSet::new();
        for text in &self.project.pathways {
            let Some(pattern) = Pattern::new(&text.value) else {
                self.diagnostics.push(
                    Diagnostic::error(OUTSIDE, format!("`{}` leads out of the project's folder", text.value))
                        .at(text.span, "not below the folder")
                        .help("use a path relative to the project file, with `/` and without `..`"),
                );
                continue;
            };
            match self.root.find(&pattern) {
                Ok(files)
                    if files.is_empty() && self.origins.of(text.span, &self.sources) != Origin::Default =>
                {
                    self.diagnostics.push(
                        Diagnostic::warning(NO_MATCH, format!("no file matches `{}`", text.value))
                            .at(text.span, "matches nothing"),
                    );
                }
                Ok(files) => found.extend(files.into_iter().filter(|path| wanted(path))),
                Err(error) => self.diagnostics.push(
                    Diagnostic::error(
                        UNREADABLE,
                        format!("the files of `{}` were not found: {error}", text.value),
                    )
                    .at(text.span, "searched for these"),
                ),
            }
        }
        found.into_iter().collect()
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with(".test.yaml") || path.ends_with(".test.yml")
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| FILE.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Adds what was read of the file `path` to `sources`, or reports why not.
fn add(
    sources: &mut Sources,
    path: &str,
    text: Result<String, FileError>,
    named_at: Option<Span>,
    diagnostics: &mut Diagnostics,
) -> Option<FileId> {
    let diagnostic = match text {
        Ok(text) => return Some(sources.add(path, text)),
        Err(FileError::NotUtf8 { text, at }) => {
            let file = sources.add(path, text);
            Diagnostic::error(NOT_UTF8, format!("`{path}` is not UTF-8"))
                .at(Span::new(file, at, at + '\u{fffd}'.len_utf8()), "this byte is not text")
                .help("save the file as UTF-8")
        }
        Err(error) => {
            let diagnostic = Diagnostic::error(UNREADABLE, format!("`{path}` was not read: {error}"));
            match named_at {
                Some(span) => diagnostic.at(span, "named here"),
                None => diagnostic,
            }
        }
    };
    diagnostics.push(diagnostic);
    None
}

/// The variables of the `.env` beside the project file `path`.
fn dotenv_layer(
    path: &Path,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, String, Origin)> {
    const NAME: &str = ".env";
    let text = match read_text(&path.with_file_name(NAME)) {
        Ok(text) => text,
        Err(FileError::Missing) => return Vec::new(),
        Err(FileError::NotUtf8 { .. }) => {
            diagnostics
                .push(Diagnostic::error(NOT_UTF8, "`.env` is not UTF-8").help("save the file as UTF-8"));
            return Vec::new();
        }
        Err(error) => {
            diagnostics.push(Diagnostic::error(UNREADABLE, format!("`.env` was not read: {error}")));
            return Vec::new();
        }
    };
    let env = dotenv::parse(&text);
    let file = sources.add(NAME, env.masked);
    for problem in env.problems {
        diagnostics.push(
            Diagnostic::error(DOTENV, "`.env` has a line that cannot be read")
                .at(Span::new(file, problem.place.start, problem.place.end), problem.message)
                .help("write `NAME=value`, with quotes where the value needs them"),
        );
    }
    let mut names = BTreeSet::new();
    let mut layer = Vec::new();
    for entry in env.entries {
        if !names.insert(entry.name.clone()) {
            diagnostics.push(
                Diagnostic::warning(TWICE, format!("`.env` sets `{}` twice", entry.name))
                    .at(Span::new(file, entry.place.start, entry.place.end), "this one holds"),
            );
        }
        layer.push((entry.name, entry.value, Origin::Line { file: NAME.to_owned(), line: entry.line }));
    }
    layer
}

/// A database holds, so the folder that a layer below it gave does not.
fn drop_folder(tree: &mut Node) {
    if let Kind::Map(entries) = &mut tree.kind
        && let Some(store) = entries.iter_mut().find(|entry| entry.key.value == "store")
        && let Kind::Map(fields) = &mut store.value.kind
    {
        fields.retain(|field| field.key.value != "path");
    }
}
