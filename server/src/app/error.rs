//! Why a server does not start, or could not go on.

use std::net::SocketAddr;

use crate::bus::BusError;
use crate::gateway;
use crate::identity::{AdminTokenError, IdentityError};
use crate::seal::SealError;
use crate::store::StoreError;

/// Why a server does not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The project asks for what this version does not have, or what is not safe.
    #[error("{0}")]
    Project(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The key that seals who asked cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is no admin token.
    #[error(transparent)]
    Admin(#[from] AdminTokenError),
    /// Nobody could be asked about tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}, where `{setting}` says: {source}; give another address with \
         `--config {setting}=HOST:PORT`, port 0 for any that is free"
    )]
    Listen {
        /// What the project calls it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The gateway could not go on.
    #[error(transparent)]
    Gateway(#[from] gateway::ServeError),
    /// The runner cannot start, or could not go on.
    #[error("{0}")]
    Runner(String),
}
