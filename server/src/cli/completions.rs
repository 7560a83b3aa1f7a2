//! `pathway completions`

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, Outcome, Session};

/// Prints a script that completes this program's commands in a shell
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pathway", &mut script);
        session.terminal.result(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Success)
    }
}
