//! Why an operation was not carried out.

use crate::runner::RedriveError;
use crate::store::StoreError;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such run.
    #[error("there is no such run")]
    Unknown,
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The run cannot take it as it is.
    #[error("{0}")]
    Refused(String),
    /// It may be possible later.
    #[error("{0}")]
    Full(String),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RedriveError> for Error {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::Store(error) => Self::Store(error),
            RedriveError::Full => Self::Full(error.to_string()),
            RedriveError::NotParked | RedriveError::Refused(_) => Self::Refused(error.to_string()),
        }
    }
}
