//! What the finance app relies on, line by line, with the real program and a real broker.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod broker;
mod chat;
mod http;
mod letters;
mod messages;
