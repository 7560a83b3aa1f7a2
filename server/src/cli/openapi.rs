//! `pathway openapi`

use super::{Exit, Outcome, Session};
use crate::gateway::openapi;

/// Prints the OpenAPI document of the project's doors
///
/// A server answers the same at `/openapi.json`.
#[derive(Debug, clap::Args)]
pub(super) struct Openapi {}

impl Openapi {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let (config, program) = session.open()?;
        let document = openapi::document(&config.project, &program);
        session.terminal.result(&format!("{document:#}"))?;
        Ok(Exit::Success)
    }
}
