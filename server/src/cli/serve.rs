//! `pathway serve`

use super::{Exit, Failure, Outcome, Session};

/// Serves the project: gateway, worker and operators' listener in one process
#[derive(Debug, clap::Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(&self, _session: &Session) -> Outcome {
        Err(Failure::new(Exit::Internal, "`serve` is not part of this build"))
    }
}
