//! `pathway check`

use std::path::PathBuf;

use pathway_engine::diagnostic::Severity;

use super::terminal::counted;
use super::{Exit, Failure, Form, Outcome, Session};
use crate::config::Config;
use crate::loading;

/// Compiles pathways and tells all that is wrong with them
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Files; none: all of the project
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
        let files = if self.paths.is_empty() { config.pathway_files() } else { self.named(&mut config)? };
        loading::load(&mut config, &files);
        let found = config.diagnostics.clone().sorted();
        session.terminal.diagnostics(&found, &config.sources, self.format)?;
        let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
        let warnings = found.len() - errors;
        let (checked, errors_told) = (counted(files.len(), "file"), counted(errors, "error"));
        session.terminal.note(&format!("{checked}: {errors_told}, {}", counted(warnings, "warning")))?;
        let bad = errors > 0 || (self.deny_warnings && warnings > 0);
        Ok(if bad { Exit::Failure } else { Exit::Success })
    }

    /// The files that were asked for; of a folder, all in it.
    fn named(&self, config: &mut Config) -> Result<Vec<String>, Failure> {
        let mut files = Vec::new();
        for path in &self.paths {
            let Some(inside) = config.relative(path) else {
                let message = format!("`{}` is not there, or not in the project's folder", path.display());
                return Err(Failure::new(Exit::Usage, message).help("name a project with `--project`"));
            };
            if path.is_dir() { files.extend(config.pathway_files_in(&inside)) } else { files.push(inside) }
        }
        files.sort_unstable();
        files.dedup();
        Ok(files)
    }
}
