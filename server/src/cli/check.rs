//! `pathway check`

use std::path::PathBuf;

use super::{Exit, Failure, Form, Outcome, Session};

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
    pub(super) fn run(&self, _session: &Session) -> Outcome {
        Err(Failure::new(Exit::Internal, "`check` is not part of this build"))
    }
}
