//! What the finance app relies on, line by line, with the real program and a real broker.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod auth;
mod broker;
mod chain;
mod chat;
mod faults;
mod feeds;
mod http;
mod interop;
mod letters;
mod messages;
mod secrecy;
#[path = "one.rs"]
mod shape;
mod streams;
mod upstreams;
