//! Mocks that stand in for services while a project is worked on (`pathway dev`): what the tests of
//! pathways say for all of their cases, by step or by call.
//!
//! What is wrong with them is told, and keeps nothing from being served. What else a test says is for
//! `pathway test` to read.

use std::sync::Arc;

use pathway_engine::compile::Program;
use pathway_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use pathway_engine::project::NO_URL;
use pathway_engine::source::{self, Sources};
use pathway_engine::testing::{self, Setting};

use crate::config::Config;
use crate::runner::Mocks;

/// Mocks, and what is wrong with the files that say them.
#[derive(Debug)]
pub(crate) struct StandIns {
    pub(crate) mocks: Arc<Mocks>,
    /// Warnings, by place.
    pub(crate) found: Vec<Diagnostic>,
    pub(crate) sources: Sources,
}

/// The mocks of a project, in the place of services without a URL and of those that are named.
pub(crate) fn of(config: &mut Config, program: &Program, services: &[String]) -> StandIns {
    let (mut sources, mut found, mut said) = (Sources::new(), Diagnostics::new(), testing::Mocks::default());
    for path in config.test_files() {
        // One that is gone, or is no text, is for `pathway test` to complain of.
        let Ok(text) = config.root.read(&path) else { continue };
        let file = sources.add(path, text);
        let setting = Setting { program, project: &config.project };
        if let Some(node) = source::parse(&sources, file, source::Limits::default(), &mut found) {
            said.add_test(&node, setting, &mut found);
        }
    }
    let warning = |problem| Diagnostic { severity: Severity::Warning, ..problem };
    let mocks = Mocks::standing_in(services.iter().cloned(), said);
    StandIns { mocks: Arc::new(mocks), found: found.sorted().into_iter().map(warning).collect(), sources }
}

/// Says nothing of services without a URL, which have stand-ins.
pub(crate) fn excuse(config: &mut Config) {
    config.diagnostics.retain(|found| found.code != NO_URL);
}
