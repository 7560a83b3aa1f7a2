//! The language, compiler and virtual machine of Pathway.
//!
//! Data flows one way: YAML text ([`source`]) becomes a spanned tree, the tree a typed
//! [`document`], the document an immutable [`compile::Plan`], and the [`vm`] interprets the
//! plan: events in, effects out. Nothing here opens a socket or a file, reads the
//! environment or the clock, draws a random number or starts a thread, so that a run can be
//! simulated, replayed and tested in virtual time.

pub mod compile;
pub mod diagnostic;
pub mod document;
pub mod expression;
pub mod graph;
pub mod journal;
pub mod limits;
pub mod project;
pub mod reference;
pub mod schedule;
pub mod schema;
pub mod source;
pub mod steps;
pub mod testing;
pub mod value;
pub mod vm;

pub use value::Value;
