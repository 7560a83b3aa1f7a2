//! Where a server listens, and how the command line comes to know.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use super::AppError;
use crate::secret_file;
use crate::store::make_private;

/// The file in the data folder that says where operators are listened to.
pub const ADMIN_ADDRESS: &str = "admin-address";

pub(super) async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|source| AppError::Listen { setting, address, source })
}

pub(super) fn address_of(
    listener: &TcpListener,
    setting: &'static str,
    address: SocketAddr,
) -> Result<SocketAddr, AppError> {
    listener.local_addr().map_err(|source| AppError::Listen { setting, address, source })
}

/// Leaves word for the command line where operators are listened to.
pub(super) fn tell_address(data: &Path, address: SocketAddr) -> Result<(), AppError> {
    make_private(data)?;
    let path = data.join(ADMIN_ADDRESS);
    secret_file::write(&path, &address.to_string())
        .map_err(|error| AppError::Runner(format!("cannot write `{}`: {error}", path.display())))
}
