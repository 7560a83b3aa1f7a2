//! What compiles and what does not: fixtures beside what is said of them, and large pathways.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod digest;
mod fixtures;
mod scale;
mod services;

#[path = "../support/mod.rs"]
mod support;
