//! Support for end-to-end tests: the real binary, a real broker, and what stands around them.
//!
//! Children are killed when their handle is dropped, also where a test fails.
#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod app;
mod binary;
pub mod browser;
mod chance;
mod clock;
pub mod events;
pub mod finance;
pub mod issuer;
pub mod kafka;
mod kept;
mod leash;
mod log;
pub mod model;
mod port;
pub mod postgres;
mod required;
mod server;
pub mod wire;

use std::time::Duration;

pub use app::serve;
pub use binary::binary;
pub use chance::Chance;
pub use clock::WallClock;
pub use kept::{Address, Kept, Post};
pub use log::Log;
pub use server::Server;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What `work` comes to, within [`PATIENCE`].
///
/// # Panics
/// If it takes longer; `what` was waited for.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_elapsed) => panic!("waited in vain for {what}"),
    }
}
