//! Server.

pub mod bus;
pub mod seal;
pub mod store;
