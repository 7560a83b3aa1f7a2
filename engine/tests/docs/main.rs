//! The documentation is true: its examples compile, run and fail as it says, and the parts that
//! are generated are as the code has them (`UPDATE_DOCS=1` writes them).
//!
//! Which blocks are tested how is told in CONTRIBUTING.md, "The documentation is tested".
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod examples;
mod expressions;
mod generated;
mod markdown;
mod script;
#[path = "../support/mod.rs"]
mod support;
