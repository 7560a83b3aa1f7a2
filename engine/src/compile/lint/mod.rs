//! Lints: what runs, though perhaps not as meant.
//!
//! They look at a pathway in which everything is bound and nothing is wrong. Each says something only
//! where it is sure of it; what is meant all the same can be [allowed](allow) at its place.

mod again;
mod allow;
mod output;
mod principal;
mod survey;
mod unbounded;
mod unused;
mod writes;

pub(super) use unused::Used;
pub use unused::unused;

use crate::diagnostic::Diagnostics;
use crate::document::Pathway;
use crate::project::Project;

/// Adds to `found` what the lints say of `pathway`, whose file has this text, and leaves out what it
/// allows; what it uses of the project is noted.
pub(super) fn lint(
    pathway: &mut Pathway,
    text: &str,
    project: &Project,
    used: &mut Used,
    found: &mut Diagnostics,
) {
    let is_whole = !found.has_errors();
    let mut replies = Diagnostics::new();
    let survey = survey::Survey::of(pathway, &mut replies);
    if is_whole {
        found.extend(replies);
        principal::check(pathway, &survey, project, found);
        again::check(&survey, found);
        unbounded::check(pathway, &survey, found);
        writes::check(&survey, text, found);
        unused::check(&survey, found);
    }
    used.note(pathway, &survey, project);
    allow::apply(pathway, &survey, is_whole, found);
}
