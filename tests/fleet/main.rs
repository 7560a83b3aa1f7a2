//! What the finance app relies on, as in `contract/`, with gateways and workers apart: two of each.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod again;
#[path = "../contract/chain.rs"]
mod chain;
#[path = "../contract/chat.rs"]
mod chat;
#[path = "../contract/feeds.rs"]
mod feeds;
#[path = "../contract/http.rs"]
mod http;
#[path = "../contract/interop.rs"]
mod interop;
#[path = "../contract/letters.rs"]
mod letters;
#[path = "../contract/messages.rs"]
mod messages;
mod shape;
