//! Support for end-to-end tests: the real binary, and servers that it runs.
//!
//! Children are killed when their handle is dropped, also where a test fails.
#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod binary;
mod server;

use std::time::Duration;

pub use binary::binary;
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
