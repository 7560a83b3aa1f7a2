//! What editors ask: of a project that is being written.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "tests fail by panicking")]

mod answers;
mod everywhere;
mod project;
#[path = "../support/mod.rs"]
mod support;
