//! A project in which a file stands in for that of the pathway of the same name.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use pathway_engine::compile::Program;

use crate::cli::files::{self, Document};
use crate::cli::{Exit, Failure, Form, Session};
use crate::config::{Config, Drafts, read_text};
use crate::loading;

pub(super) struct StoodIn {
    pub(super) config: Config,
    pub(super) program: Program,
    /// The pathway.
    pub(super) name: String,
}

impl StoodIn {
    /// Loads the project with `file` in it. The project is that which is worked in, whose runs are asked for,
    /// wherever the file lies; only where there is none it is that of the file.
    pub(super) fn by(session: &Session, file: &Path) -> Result<Self, Failure> {
        let here = session.load()?;
        let config = if here.file.is_some() { here } else { session.load_near(Some(file))? };
        match config.relative(file) {
            Some(path) => Self::from_within(session, config, &path),
            None => Self::from_without(session, config, file),
        }
    }

    /// The file is one of the project's folder.
    fn from_within(session: &Session, mut config: Config, asked: &str) -> Result<Self, Failure> {
        session.tell(&config)?;
        let mut paths = config.pathway_files();
        if !paths.iter().any(|path| path == asked) {
            paths.push(asked.to_owned());
        }
        for path in &paths {
            config.add_file(path, None);
        }
        let name = named(files::document(&config, asked), asked)?;
        let is_its = |path: &str| files::document(&config, path) == Document::Pathway(name.clone());
        paths.retain(|path| path == asked || !is_its(path));
        Self::load(session, config, &paths, name, &format!("`{asked}`"))
    }

    /// The file lies elsewhere: it is a draft of that of the project, so that it may name the same schemas.
    fn from_without(session: &Session, mut config: Config, file: &Path) -> Result<Self, Failure> {
        let asked = file.display();
        let unread = |path: &dyn Display, error: &dyn Display| {
            Failure::new(Exit::Usage, format!("`{path}` was not read: {error}"))
        };
        let text = read_text(file).map_err(|error| unread(&asked, &error))?;
        let name = named(Document::of_text(&text), &asked.to_string())?;
        let paths = config.pathway_files();
        for path in &paths {
            config.add_file(path, None);
        }
        let is_its = |path: &&String| files::document(&config, path) == Document::Pathway(name.clone());
        let Some(own) = paths.iter().find(is_its) else {
            let message = format!("the project has no pathway `{name}` in whose place `{asked}` could be");
            let folder = config.root.folder().display();
            return Err(Failure::new(Exit::Usage, message).help(format!("lay the file into `{folder}`")));
        };
        let place = config.root.folder().join(own).canonicalize().map_err(|error| unread(own, &error))?;
        let drafts: Drafts = Arc::new([(place, text)].into());
        let config = session.load_with(None, drafts)?;
        session.tell(&config)?;
        Self::load(session, config, &paths, name, &format!("`{asked}`, in the place of `{own}`,"))
    }

    fn load(
        session: &Session,
        mut config: Config,
        paths: &[String],
        name: String,
        what: &str,
    ) -> Result<Self, Failure> {
        let program = loading::load(&mut config, paths);
        if program.pathways.contains_key(name.as_str()) {
            return Ok(Self { config, program, name });
        }
        let found = config.diagnostics.clone().sorted();
        session.terminal.diagnostics(&found, &config.sources, Form::Human)?;
        Err(Failure::new(Exit::Invalid, format!("{what} does not compile")))
    }
}

/// The name of the pathway that a file is.
fn named(document: Document, file: &str) -> Result<String, Failure> {
    match document {
        Document::Pathway(name) => Ok(name),
        Document::Feed(_) | Document::Unknown => {
            Err(Failure::new(Exit::Invalid, format!("`{file}` is no pathway"))
                .help("begin it with `pathway: NAME`, and see what `pathway check` says of it"))
        }
    }
}
