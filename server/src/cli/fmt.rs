//! `pathway fmt`

use std::path::PathBuf;

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::source::{Sources, format};

use super::terminal::counted;
use super::{Exit, Failure, Form, Outcome, Session, files, patch};
use crate::config::{Config, FILE};

/// Brings files into one style, and keeps what they say, their comments and the order of their keys
#[derive(Debug, clap::Args)]
pub(super) struct Fmt {
    /// Files and folders; none: pathways, tests and the project file
    paths: Vec<PathBuf>,
    /// Writes nothing, and fails where a file would be another
    #[arg(long)]
    check: bool,
    /// Writes nothing, and shows what would be another
    #[arg(long)]
    diff: bool,
}

impl Fmt {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut config = session.load_near(self.paths.first().map(PathBuf::as_path))?;
        let names = self.files(&mut config)?;
        let (mut sources, mut problems) = (Sources::new(), Diagnostics::new());
        let (mut changed, mut broken) = (0, 0);
        for name in &names {
            let unread = |error| Failure::unread(name, error).help("name a file below the project's folder");
            let text = config.root.read(name).map_err(unread)?;
            let file = sources.add(name.as_str(), text.as_str());
            let Some(formatted) = format(&sources, file, &mut problems) else {
                broken += 1;
                continue;
            };
            if formatted != text {
                changed += 1;
                self.tell(session, &config, name, &text, &formatted)?;
            }
        }
        let problems = problems.sorted();
        session.terminal.diagnostics(&problems, &sources, Form::Human)?;
        session.terminal.note(&self.summary(names.len(), changed, broken))?;
        let is_bad = broken > 0 || (self.check && changed > 0);
        Ok(if is_bad { Exit::Failure } else { Exit::Success })
    }

    fn files(&self, config: &mut Config) -> Result<Vec<String>, Failure> {
        if self.paths.is_empty() {
            let own = config.file.is_some().then(|| FILE.to_owned());
            let own = own.filter(|name| config.root.read(name).is_ok());
            let (pathways, tests) = (config.pathway_files(), config.test_files());
            return Ok(own.into_iter().chain(pathways).chain(tests).collect());
        }
        let mut found = Vec::new();
        for path in &self.paths {
            let inside = files::inside(config, path)?;
            if path.is_dir() {
                found.extend(config.pathway_files_in(&inside));
                found.extend(config.test_files_in(&inside));
            } else {
                found.push(inside);
            }
        }
        Ok(found)
    }

    fn tell(
        &self,
        session: &Session,
        config: &Config,
        name: &str,
        text: &str,
        formatted: &str,
    ) -> Result<(), Failure> {
        if self.diff {
            session.terminal.result(patch::of(name, text, formatted).trim_end())?;
        } else {
            session.terminal.result(name)?;
        }
        if self.check || self.diff {
            return Ok(());
        }
        std::fs::write(config.root.folder().join(name), formatted)
            .map_err(|error| Failure::new(Exit::Failure, format!("`{name}` was not written: {error}")))
    }

    /// `2 of 9 files formatted`
    fn summary(&self, all: usize, changed: usize, broken: usize) -> String {
        let done = if self.check || self.diff { "would be formatted" } else { "formatted" };
        let mut text = format!("{changed} of {} {done}", counted(all, "file"));
        if broken > 0 {
            text.push_str(&format!(", {} left as it is: it cannot be read", counted(broken, "file")));
        }
        text
    }
}
