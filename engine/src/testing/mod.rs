//! Tests of pathways, in YAML: cases with an input and what is to come of it.
//!
//! A [`Suite`] is the content of a `*.test.yaml`: cases, each with an input, a caller, a time, mocks
//! that answer what the run asks of the outside, and what is expected. [`Case::play`] runs the
//! pathway and all that it calls in virtual time, by the VM that servers use, and judges it. Nothing
//! is called, waited for or kept. [`Mocks`] of the same grammar answer runs elsewhere.

mod answer;
mod case;
mod claims;
mod coverage;
mod expect;
mod export;
mod judge;
mod key;
mod merge;
mod mock;
mod mocks;
mod names;
mod pattern;
mod record;
mod request;
mod shelf;
mod suite;
mod world;

use crate::compile::Program;
use crate::project::Project;

pub use case::Case;
pub use coverage::{Coverage, Gap, Reached};
pub use export::{Exported, export};
pub use judge::{Difference, Played, Problem};
pub use mocks::{Asks, Called, Mocked, Mocks};
pub(crate) use pattern::MATCHERS;
pub use record::{State, Step};
pub use request::sent;
pub use suite::Suite;
pub(crate) use suite::TEST;

/// What a test is read and played with.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// All pathways.
    pub program: &'a Program,
    /// Services, topics and variables.
    pub project: &'a Project,
}
