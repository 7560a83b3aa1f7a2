//! What the finance app relies on, line by line, with the real program and a real broker.

mod broker;
mod chat;
mod http;
