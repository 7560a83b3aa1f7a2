//! The gateway over real connections; the tests play the runner.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod attach;
mod auth;
mod bodies;
mod capacity;
mod doors;
mod event_source;
mod feed_bus;
mod feeds;
mod http;
mod idempotency;
mod login;
mod openapi;
mod runs;
mod streams;
mod tickets;
mod verified;
mod world;
