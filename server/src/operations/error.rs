//! Why an operation was not carried out.

use pathway_engine::vm::PortionError;

use crate::runner::{OrderError, RedriveError, RerunError};
use crate::store::StoreError;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such run.
    #[error("there is no such run")]
    Unknown,
    /// There is no such limit.
    #[error("{0}")]
    NoLimit(String),
    /// Somebody else was faster.
    #[error("{0}")]
    Changed(String),
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

impl From<OrderError> for Error {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Nobody => Self::Refused(error.to_string()),
            OrderError::Store(error) => Self::Store(error),
        }
    }
}

impl From<RedriveError> for Error {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::Store(error) => Self::Store(error),
            RedriveError::Full => Self::Full(error.to_string()),
            RedriveError::NotParked | RedriveError::Refused(_) | RedriveError::Departs(_) => {
                Self::Refused(error.to_string())
            }
        }
    }
}

impl From<RerunError> for Error {
    fn from(error: RerunError) -> Self {
        match error {
            RerunError::Store(error) => Self::Store(error),
            RerunError::Full => Self::Full(error.to_string()),
            RerunError::Portion(PortionError::Unknown { .. }) => Self::Invalid(error.to_string()),
            RerunError::Refused(_) | RerunError::Portion(_) | RerunError::Mismatch(_) | RerunError::Seal => {
                Self::Refused(error.to_string())
            }
        }
    }
}
