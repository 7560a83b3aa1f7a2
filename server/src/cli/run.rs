//! `pathway run`

use std::path::PathBuf;

use super::{Exit, Failure, Outcome, Session};

/// Runs one pathway for one input and prints what it returns
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// A file, or the name of a pathway of the project
    #[arg(value_name = "FILE|NAME")]
    pathway: String,
    /// The input as JSON or YAML; `-`: standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Sets a value of the input, such as user.id=7; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Takes the effects of steps from this file, in the form of `mocks` in a test
    #[arg(long, value_name = "FILE")]
    mock: Option<PathBuf>,
    /// Prints events and the result as JSON, one a line
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(super) fn run(&self, _session: &Session) -> Outcome {
        Err(Failure::new(Exit::Internal, "`run` is not part of this build"))
    }
}
