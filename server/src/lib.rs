//! Server.

pub mod effects;
