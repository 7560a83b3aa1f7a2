//! Random pathways against a naive interpreter, their replay and their cancellation; time; and
//! texts that are hardly pathways any more.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod cancel;
mod clock;
mod compacted;
mod compare;
mod compensate;
mod fuzz;
mod generate;
mod interpreter;
mod model;
mod once;
mod onto;
mod replay;
mod rerun;
mod results;
mod text;
mod world;

#[path = "../support/mod.rs"]
mod support;
