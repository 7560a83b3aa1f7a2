//! The gateway over real connections; the tests play the runner.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod auth;
mod bodies;
mod doors;
mod http;
mod idempotency;
mod runs;
mod streams;
mod world;
