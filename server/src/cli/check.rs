//! `pathway check`

use std::collections::BTreeSet;
use std::path::PathBuf;

use pathway_engine::compile;
use pathway_engine::diagnostic::{Diagnostic, Severity};

use super::files::{self, Document};
use super::terminal::counted;
use super::{Exit, Form, Outcome, Session};
use crate::config::Config;
use crate::loading;

/// Compiles pathways and tells all that is wrong with them
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Files and folders; none: all of the project
    paths: Vec<PathBuf>,
    /// The form of the problems
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    format: Form,
    /// Takes warnings for errors
    #[arg(long)]
    deny_warnings: bool,
}

impl Check {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut config = session.load_near(self.paths.first().map(PathBuf::as_path))?;
        // Pathways that were not asked for are there to be called.
        let project = config.pathway_files();
        let checked =
            if self.paths.is_empty() { project.clone() } else { files::named(&mut config, &self.paths)? };
        let others = project.into_iter().filter(|path| !checked.contains(path));
        let loaded: Vec<String> = checked.iter().cloned().chain(others).collect();
        let program = loading::load(&mut config, &loaded);
        // What a part of the project does not use, another may.
        if self.paths.is_empty() && !config.diagnostics.has_errors() {
            let unused = compile::unused(&program, &config.project);
            config.diagnostics.extend(unused);
        }

        let mut found = config.diagnostics.clone().sorted();
        if !self.paths.is_empty() {
            found = files::concerning(&config, &checked, &loaded, found);
        }
        session.terminal.diagnostics(&found, &config.sources, self.format)?;
        session.terminal.note(&summary(&config, &checked, &found))?;
        let counts = |severity| found.iter().any(|diagnostic| diagnostic.severity == severity);
        let is_bad = counts(Severity::Error) || (self.deny_warnings && counts(Severity::Warning));
        Ok(if is_bad { Exit::Failure } else { Exit::Success })
    }
}

/// `3 errors, 1 warning in 2 of 9 files`
fn summary(config: &Config, checked: &[String], found: &[Diagnostic]) -> String {
    if checked.is_empty() && found.is_empty() {
        let patterns: Vec<_> = config.project.pathways.iter().map(|it| format!("`{}`", it.value)).collect();
        let folder = config.root.folder().display();
        return format!("no pathways: there is no file {} in `{folder}`", patterns.join(", "));
    }
    if found.is_empty() {
        let feeds =
            checked.iter().filter(|path| matches!(files::document(config, path), Document::Feed(_))).count();
        let mut parts = vec![counted(checked.len() - feeds, "pathway")];
        parts.extend((feeds > 0).then(|| counted(feeds, "feed")));
        return format!("{}, no problems", parts.join(", "));
    }
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let warnings = found.len() - errors;
    let kinds = [(errors, "error"), (warnings, "warning")];
    let kinds: Vec<_> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(*count, what)).collect();
    let places = found.iter().filter_map(|diagnostic| diagnostic.labels.first());
    let bad: BTreeSet<&str> = places.map(|label| config.sources.path(label.span.file)).collect();
    let all: BTreeSet<&str> = checked.iter().map(String::as_str).chain(bad.iter().copied()).collect();
    format!("{} in {} of {}", kinds.join(", "), bad.len(), counted(all.len(), "file"))
}
