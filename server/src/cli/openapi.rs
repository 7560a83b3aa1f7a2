//! `pathway openapi`

use super::{Exit, Outcome, Session};
use crate::admin;
use crate::gateway::openapi;

/// Prints the OpenAPI document of the project's doors
///
/// A server answers the same at `/openapi.json`, and so does its listener for operators.
#[derive(Debug, clap::Args)]
pub(super) struct Openapi {
    /// That of the listener for operators, the same for all projects
    #[arg(long)]
    admin: bool,
}

impl Openapi {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        if self.admin {
            session.terminal.result(&format!("{:#}", admin::openapi::document()))?;
            return Ok(Exit::Success);
        }
        let (config, program) = session.open()?;
        let document = openapi::document(&config.project, &program);
        session.terminal.result(&format!("{document:#}"))?;
        Ok(Exit::Success)
    }
}
