//! What compiles and what does not: fixtures beside what is said of them, and large pathways.

mod fixtures;
mod scale;

#[path = "../support/mod.rs"]
mod support;
