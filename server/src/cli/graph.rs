//! `pathway graph`

use std::path::PathBuf;

use super::{Exit, Failure, Outcome, Session};

/// Draws the steps of a pathway and what each waits for
#[derive(Debug, clap::Args)]
pub(super) struct Graph {
    /// The pathway
    file: PathBuf,
    /// The language of the drawing
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: GraphFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum GraphFormat {
    #[default]
    Mermaid,
    Dot,
}

impl Graph {
    pub(super) fn run(&self, _session: &Session) -> Outcome {
        Err(Failure::new(Exit::Internal, "`graph` is not part of this build"))
    }
}
