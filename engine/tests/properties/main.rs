//! Random pathways against a naive interpreter, their replay and their cancellation; time; and
//! texts that are hardly pathways any more.

mod cancel;
mod clock;
mod fuzz;
mod generate;
mod interpreter;
mod model;
mod replay;
mod results;
mod text;
mod world;

#[path = "../support/mod.rs"]
mod support;
