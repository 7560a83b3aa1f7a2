//! The test files that are meant, read with the pathways that they test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pathway_engine::compile::Program;
use pathway_engine::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};
use pathway_engine::source::{self, Node};
use pathway_engine::testing::{Setting, Suite};

use super::super::files::{self, Document};
use super::super::{Exit, Failure, Form, Session};
use crate::config::Config;
use crate::loading;

/// What is to be played.
pub(super) struct Found {
    pub(super) config: Config,
    pub(super) program: Program,
    /// Each with the path of its file.
    pub(super) suites: Vec<(String, Suite)>,
    /// Whether all that was asked for could be read.
    pub(super) is_whole: bool,
    /// Why not.
    pub(super) errors: Vec<Diagnostic>,
}

/// Finds and reads test files; what is wrong with them is told.
pub(super) fn find(session: &Session, what: &[String]) -> Result<Found, Failure> {
    let near = what.first().map(Path::new).filter(|path| path.exists());
    let mut config = session.load_near(near)?;
    let known = config.diagnostics.len();
    let pathways = config.pathway_files();
    let program = loading::load(&mut config, &pathways);
    let tests = chosen(&mut config, &pathways, what)?;

    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for path in &pathways {
        if let Document::Pathway(name) = files::document(&config, path) {
            names.insert(name, path.clone());
        }
    }
    let of_pathways: Vec<Diagnostic> = config.diagnostics.iter().skip(known).cloned().collect();
    let mut broken: BTreeSet<String> = BTreeSet::new();
    let mut suites = Vec::new();
    let mut found = Diagnostics::new();
    for path in tests {
        let mut problems = Diagnostics::new();
        let Some(node) = read(&mut config, &path, &mut problems) else {
            found.extend(problems);
            continue;
        };
        let tested = node.get("test").and_then(Node::as_text).map(|text| text.value.clone());
        let file = tested.as_ref().and_then(|name| names.get(name));
        if let (Some(name), Some(file)) = (&tested, file)
            && !program.pathways.contains_key(name.as_str())
        {
            broken.insert(file.clone());
            found.extend(problems);
            continue;
        }
        let setting = Setting { program: &program, project: &config.project };
        let suite = Suite::parse(&node, setting, &mut problems);
        if !problems.has_errors() {
            suites.extend(suite.map(|suite| (path, suite)));
        }
        found.extend(problems);
    }
    let broken: Vec<String> = broken.into_iter().collect();
    let mut all = files::concerning(&config, &broken, &pathways, of_pathways);
    if broken.is_empty() {
        all.clear();
    } else {
        // Perhaps that is why.
        all.splice(0..0, config.diagnostics.iter().take(known).cloned());
    }
    all.extend(found.sorted());
    session.terminal.diagnostics(&all, &config.sources, Form::Human)?;
    let errors: Vec<Diagnostic> =
        all.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
    let is_whole = broken.is_empty() && errors.is_empty();
    Ok(Found { config, program, suites, is_whole, errors })
}

fn read(config: &mut Config, path: &str, found: &mut Diagnostics) -> Option<Node> {
    let before = config.diagnostics.len();
    let file = config.add_file(path, None);
    config.diagnostics.iter().skip(before).cloned().for_each(|problem| found.push(problem));
    source::parse(&config.sources, file?, source::Limits::default(), found)
}

/// The test files that `what` means: files, folders, and pathways by their files or names.
fn chosen(config: &mut Config, pathways: &[String], what: &[String]) -> Result<Vec<String>, Failure> {
    let tests = config.test_files();
    if what.is_empty() {
        return Ok(tests);
    }
    let mut chosen = Vec::new();
    for what in what {
        let path = Path::new(what);
        let before = chosen.len();
        if path.is_dir() {
            let folder = files::inside(config, path)?;
            let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            chosen.extend(tests.iter().filter(|test| test.starts_with(&start)).cloned());
            if !folder.is_empty() {
                // One that is named is looked through, also where the project has no pathways.
                chosen.extend(config.test_files_in(&folder));
            }
        } else if path.is_file() {
            let file = files::inside(config, path)?;
            if is_test(&file) {
                chosen.push(file);
            } else if let Document::Pathway(name) = files::document(config, &file) {
                chosen.extend(of_pathway(config, &tests, &name));
            }
        } else {
            chosen.extend(of_pathway(config, &tests, what));
        }
        if chosen.len() == before {
            return Err(absent(config, pathways, what));
        }
    }
    let mut seen = BTreeSet::new();
    chosen.retain(|path| seen.insert(path.clone()));
    Ok(chosen)
}

/// The test files of the pathway of that name.
fn of_pathway(config: &Config, tests: &[String], name: &str) -> Vec<String> {
    let tested = |path: &String| {
        let text = config.root.read(path).ok()?;
        let mut sources = source::Sources::new();
        let file = sources.add(path.as_str(), text);
        let node = source::parse(&sources, file, source::Limits::default(), &mut Diagnostics::new())?;
        Some(node.get("test")?.as_text()?.value.clone())
    };
    tests.iter().filter(|path| tested(path).as_deref() == Some(name)).cloned().collect()
}

fn is_test(path: &str) -> bool {
    path.ends_with(".test.yaml") || path.ends_with(".test.yml")
}

fn absent(config: &Config, pathways: &[String], what: &str) -> Failure {
    let names = pathways.iter().filter_map(|path| match files::document(config, path) {
        Document::Pathway(name) => Some(name),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    if Path::new(what).exists() || names.iter().any(|name| name == what) {
        return Failure::new(Exit::Usage, format!("there is no test of `{what}`"))
            .help("write one beside the pathway, `NAME.test.yaml`: see docs/testing.md");
    }
    let failure = Failure::new(Exit::Usage, format!("there is no file and no pathway `{what}`"));
    match did_you_mean(what, names.iter().map(String::as_str)) {
        Some(close) => failure.help(format!("did you mean `{close}`?")),
        None => failure.help("name a test file, a folder or a pathway"),
    }
}
