//! Why a command did not do what it was asked to.

use std::fmt::Display;
use std::io;

use super::exit::Exit;

/// How a command ended: its exit code, or what to tell about its failure.
pub type Outcome = Result<Exit, Failure>;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Standard output or error could not be written to.
    #[error("output could not be written: {0}")]
    Output(#[from] io::Error),
    /// Anything else.
    #[error("{message}")]
    Told {
        /// How to exit.
        exit: Exit,
        /// One lowercase sentence.
        message: String,
        /// One imperative sentence.
        help: Option<String>,
    },
}

impl Failure {
    /// A failure that is told with `message`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told { exit, message: message.into(), help: None }
    }

    /// A file that was asked for was not read.
    pub(super) fn unread(path: impl Display, error: impl Display) -> Self {
        Self::new(Exit::Usage, format!("`{path}` was not read: {error}"))
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Told { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    /// How to exit. A reader that has left (`| head`) is no failure.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
            Self::Output(_) => Exit::Internal,
            Self::Told { exit, .. } => *exit,
        }
    }
}
