//! `pathway lsp`

use super::{Exit, Failure, Outcome, Session};
use crate::config::Request;
use crate::lsp;

/// Serves an editor over stdin and stdout (Language Server Protocol)
///
/// An editor starts it: it tells what is wrong while you write, completes, explains, finds and renames.
#[derive(Debug, clap::Args)]
pub(super) struct Lsp {
    /// Taken and not needed: there is nothing but stdin and stdout
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(&self, _: &Session) -> Outcome {
        let request = Request::of_process()
            .map_err(|error| Failure::new(Exit::Config, format!("there is no working directory: {error}")))?;
        lsp::serve(request).map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
        Ok(Exit::Success)
    }
}
