//! How the program ends.

use std::process::ExitCode;

/// Exit codes; those above 2 are the ones that mail and cron have long known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked to.
    Success = 0,
    /// The run failed, or what was checked is not as it should be.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A pathway, schema or test cannot be read or compiled.
    Invalid = 65,
    /// A mistake of this program.
    Internal = 70,
    /// It would work later: something else holds what is needed.
    Temporary = 75,
    /// The project file, `.env` or the environment is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
