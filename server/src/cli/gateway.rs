//! `pathway gateway`

use super::serve::run_as;
use super::{Outcome, Session};
use crate::app::Role;

/// Opens doors, without work on topics: beside workers elsewhere, with the same store
#[derive(Debug, clap::Args)]
pub(super) struct Gateway {}

impl Gateway {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(&self, session: &Session) -> Outcome {
        run_as(Role::Gateway, session, false)
    }
}
