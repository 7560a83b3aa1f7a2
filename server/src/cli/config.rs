//! `pathway config`

use pathway_engine::diagnostic::Severity;

use super::terminal::counted;
use super::{Exit, Form, Outcome, Session};

/// Checks or shows the configuration
#[derive(Debug, clap::Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Reads all layers and tells all that is wrong
    Check {
        /// The form of the problems
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        format: Form,
        /// Takes warnings for errors
        #[arg(long)]
        deny_warnings: bool,
    },
    /// Shows what holds and where each value came from; secrets are masked
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Config {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        match self.command {
            Command::Check { format, deny_warnings } => check(session, format, deny_warnings),
            Command::Show { json } => show(session, json),
        }
    }
}

fn check(session: &Session, format: Form, deny_warnings: bool) -> Outcome {
    let mut config = session.load()?;
    let files = config.pathway_files();
    let found = config.diagnostics.clone().sorted();
    session.terminal.diagnostics(&found, &config.sources, format)?;
    let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = found.len() - errors;
    if errors > 0 || (deny_warnings && warnings > 0) {
        session.terminal.note(&format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")))?;
        return Ok(Exit::Config);
    }
    let file = config.file.as_ref().map_or_else(|| "no project file".to_owned(), |f| f.display().to_string());
    let files = counted(files.len(), "pathway file");
    session.terminal.note(&format!("{file}: {}, {files}", counted(warnings, "warning")))?;
    Ok(Exit::Success)
}

fn show(session: &Session, json: bool) -> Outcome {
    let config = session.load()?;
    if json {
        session.terminal.json(&config.settings())?;
    } else {
        session.terminal.result(config.to_yaml().trim_end())?;
    }
    if config.diagnostics.has_errors() {
        let found = config.diagnostics.clone().sorted();
        session.terminal.diagnostics(&found, &config.sources, Form::Human)?;
        return Ok(Exit::Config);
    }
    Ok(Exit::Success)
}
