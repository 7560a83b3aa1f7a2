//! What is counted and measured, and how it is told at `/metrics`.
//!
//! What happens is counted where it happens: an addition to a number that is there from the start. What
//! is the case now (slots, circuits, runs, lag) is asked for by whoever scrapes, and costs nothing while
//! nobody does. Labels are names of the project, never what a caller sent, so that a project bounds how
//! many there are.

mod histogram;
mod page;
mod requests;
mod runs;
mod scrape;
mod snapshot;

pub(crate) use histogram::Counted;
pub use histogram::Histogram;
pub use requests::Requests;
pub(crate) use runs::Pathway;
pub use runs::Runs;
pub use scrape::Scrape;
pub(crate) use snapshot::Snapshot;

use pathway_engine::compile::Program;

/// The label of what is not in the project any more, or never was: no name can be like it.
const OTHER: &str = "-";

/// What a runner counts.
#[derive(Debug)]
pub struct Metrics {
    /// Runs and their steps.
    pub runs: Runs,
    /// How long it took until runs that were admitted were durable.
    pub admitted: Histogram,
    /// How long it took until what happened in a run was.
    pub appended: Histogram,
}

impl Metrics {
    /// Of the pathways of `program`.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        Self { runs: Runs::new(program), admitted: Histogram::default(), appended: Histogram::default() }
    }
}
