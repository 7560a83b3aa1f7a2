//! The mocks of a run, from a file: what is wrong with them is told as of a test.

use std::path::Path;
use std::sync::Arc;

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::source::{self, Node, Sources};
use pathway_engine::testing::{self, Setting};
use pathway_engine::value::{from_json, to_serde};

use super::super::target::Target;
use super::super::{Exit, Failure, Form, Session};
use super::input::{content, named};
use crate::runner::Mocks;

/// Reads them.
pub(super) fn read(session: &Session, path: &Path, target: &Target) -> Result<Arc<Mocks>, Failure> {
    let bytes = content(path, "mocks")?;
    let (mut sources, mut found) = (Sources::new(), Diagnostics::new());
    let node = node(path, bytes, &mut sources, &mut found);
    let setting = Setting { program: &target.program, project: &target.config.project };
    let said = node.map(|node| testing::Mocks::of_run(&node, &target.plan, setting, &mut found));
    let is_wrong = found.has_errors();
    session.terminal.diagnostics(&found.sorted(), &sources, Form::Human)?;
    match said {
        Some(said) if !is_wrong => Ok(Arc::new(Mocks::of_run(said))),
        _ => Err(Failure::new(Exit::Invalid, format!("the mocks, {}, are wrong", named(path)))
            .help("write them as in a test: `pathway explain CODE` tells more about each problem")),
    }
}

/// The file, as YAML; JSON that is none, as where it is indented by tabs, as it would be written.
fn node(path: &Path, bytes: Vec<u8>, sources: &mut Sources, found: &mut Diagnostics) -> Option<Node> {
    let json = from_json(&bytes).ok();
    let shown = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let mut problems = Diagnostics::new();
    let file = sources.add_bytes(shown.as_str(), bytes, &mut problems);
    let node = file.and_then(|file| source::parse(sources, file, source::Limits::default(), &mut problems));
    match (node, json) {
        (None, Some(json)) => {
            let text = serde_json::to_string_pretty(&to_serde(&json)).unwrap_or_default();
            let file = sources.add(shown, text);
            source::parse(sources, file, source::Limits::default(), found)
        }
        (node, _) => {
            found.extend(problems);
            node
        }
    }
}
