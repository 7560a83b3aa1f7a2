//! `pathway demo`

use super::{Exit, Failure, Outcome, Session};

/// Shows what pathways do, without any set-up
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Plays it once and exits
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) fn run(&self, _session: &Session) -> Outcome {
        Err(Failure::new(Exit::Internal, "`demo` is not part of this build"))
    }
}
