//! A project in which a file stands in for that of the pathway of the same name.

use std::path::Path;

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
        let mut config = if here.file.is_some() { here } else { session.load_near(Some(file))? };
        session.tell(&config)?;
        let paths = config.pathway_files();
        for path in &paths {
            config.add_file(path, None);
        }
        match config.relative(file) {
            Some(path) => Self::from_within(session, config, paths, path),
            None => Self::from_without(session, &config, &paths, file),
        }
    }

    /// The file is one of the project's folder.
    fn from_within(
        session: &Session,
        mut config: Config,
        mut paths: Vec<String>,
        asked: String,
    ) -> Result<Self, Failure> {
        if !paths.contains(&asked) {
            config.add_file(&asked, None);
        }
        let name = named(files::document(&config, &asked), &asked)?;
        let what = format!("`{asked}`");
        paths.retain(|path| *path != asked && !is(&config, path, &name));
        paths.push(asked);
        Self::load(session, config, &paths, name, &what)
    }

    /// The file lies elsewhere: it is a draft of that of the project, so that it may name the same schemas.
    fn from_without(
        session: &Session,
        config: &Config,
        paths: &[String],
        file: &Path,
    ) -> Result<Self, Failure> {
        let asked = file.display();
        let text = read_text(file).map_err(|error| Failure::unread(&asked, error))?;
        let name = named(Document::of_text(&text), &asked.to_string())?;
        let folder = config.root.folder();
        let Some(own) = paths.iter().find(|path| is(config, path, &name)) else {
            let message = format!("the project has no pathway `{name}` in whose place `{asked}` could be");
            let help = format!("lay the file into `{}`", folder.display());
            return Err(Failure::new(Exit::Usage, message).help(help));
        };
        let place = folder.join(own).canonicalize().map_err(|error| Failure::unread(own, error))?;
        let drafted = session.load_with(None, Drafts::new([(place, text)].into()))?;
        Self::load(session, drafted, paths, name, &format!("`{asked}`, in the place of `{own}`,"))
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

/// Whether a file of the project is the pathway of that name.
fn is(config: &Config, path: &str, name: &str) -> bool {
    matches!(files::document(config, path), Document::Pathway(its) if its == name)
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
