//! The documentation is true: its commands print what it shows, its links lead somewhere, and the
//! repository keeps its own rules.
//!
//! Which blocks are tested how is told in CONTRIBUTING.md, "The documentation is tested".
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod links;
#[path = "../../../engine/tests/docs/markdown.rs"]
mod markdown;
mod projects;
mod repository;
mod session;
