//! `pathway worker`

use super::serve::run_as;
use super::{Outcome, Session};
use crate::app::Role;

/// Works on topics, without doors: beside gateways elsewhere
#[derive(Debug, clap::Args)]
pub(super) struct Worker {}

impl Worker {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(&self, session: &Session) -> Outcome {
        run_as(Role::Worker, session, false)
    }
}
