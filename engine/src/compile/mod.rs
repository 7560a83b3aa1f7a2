//! Documents → plans: names, dependencies, order, all problems at once.

mod address;
mod assemble;
mod check;
mod compensate;
mod complaint;
mod digest;
mod durability;
mod feed;
mod guards;
mod lint;
mod notes;
mod once;
mod order;
mod plan;
mod routes;
mod scope;
mod ticks;

use std::collections::HashMap;
use std::sync::Arc;

use digest::Recorder;
use indexmap::IndexMap;
use routes::Route;

pub(crate) use address::{Address, Place};
pub use lint::unused;
pub use notes::Notes;
pub(crate) use order::Order;
pub use plan::{Block, BlockId, Plan, Step, step_path};
pub(crate) use plan::{Edge, OnError, Reason};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Feed, Pathway, Reader, Schemas};
use crate::expression::Variables;
use crate::project::Project;
use crate::schema::Schema;
use crate::source::{Node, Spanned};

const SAME_NAME: Code = Code("PW0516");

/// What a compilation reads.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Services, topics, variables and defaults.
    pub project: &'a Project,
    /// `${NAME}` values.
    pub variables: &'a Variables,
}

/// The file of a pathway or a feed.
#[derive(Debug, Clone)]
pub struct File {
    /// Its whole text: what runs are pinned to.
    pub text: Arc<str>,
    /// Its tree.
    pub node: Node,
}

/// All pathways and feeds of a project, ready to run.
#[derive(Debug, Default, Clone)]
pub struct Program {
    /// By name, in the order of the files.
    pub pathways: IndexMap<Arc<str>, Arc<Plan>>,
    /// By name, in the order of the files.
    pub feeds: IndexMap<Arc<str>, Arc<Feed>>,
    /// What they use of their project.
    used: lint::Used,
}

/// Compiles the pathways and feeds in `files`. All problems of all of them go to `diagnostics`;
/// where any is an error, the program has those only that are whole, and must not be served.
pub fn compile(
    files: &[File],
    surroundings: Surroundings<'_>,
    schemas: &mut dyn Schemas,
    diagnostics: &mut Diagnostics,
) -> Program {
    examine(files, surroundings, schemas, diagnostics).0
}

/// As [`compile`], with what was found out of the values in each pathway, also in one with errors.
pub fn examine(
    files: &[File],
    surroundings: Surroundings<'_>,
    schemas: &mut dyn Schemas,
    diagnostics: &mut Diagnostics,
) -> (Program, Vec<Notes>) {
    let Surroundings { project, variables } = surroundings;
    let mut pathways: Vec<Parsed<'_>> = Vec::new();
    let mut feeds: Vec<(Feed, Arc<str>, bool)> = Vec::new();
    let mut declared: HashMap<String, _> = HashMap::new();
    for File { text, node } in files {
        // A pathway that does not parse is still there to be called.
        if let Some(name) = node.get("pathway").and_then(Node::as_text) {
            declared.entry(name.value.clone()).or_insert(None);
        }
        let mut found = Diagnostics::new();
        let mut recorder = Recorder { schemas, loaded: Vec::new() };
        let reader = &mut Reader { variables, project, schemas: &mut recorder, diagnostics: &mut found };
        if is_feed(node) {
            let feed = Feed::parse(node, reader);
            let digest = digest::of_feed(text, &recorder.loaded, surroundings);
            feeds.extend(feed.map(|feed| (feed, digest, !found.has_errors())));
        } else if let Some(pathway) = Pathway::parse(node, reader) {
            pathways.push(Parsed { text, pathway, schemas: recorder.loaded, found });
            continue;
        }
        diagnostics.extend(found);
    }
    for Parsed { pathway, .. } in &pathways {
        declared.insert(pathway.name.value.clone(), pathway.output.clone());
    }
    report_same_names("pathways", pathways.iter().map(|parsed| &parsed.pathway.name), diagnostics);
    report_same_names("feeds", feeds.iter().map(|(feed, ..)| &feed.name), diagnostics);
    let routes = pathways.iter().flat_map(|parsed| Route::of_pathway(&parsed.pathway));
    routes::check(routes.chain(feeds.iter().map(|(feed, ..)| Route::of_feed(feed))), diagnostics);

    let world = check::World { project, pathways: declared };
    let constants: Arc<[_]> = project.vars.values().map(|var| var.value.clone()).collect();
    let mut program = Program::default();
    let mut notes = Vec::with_capacity(pathways.len());
    for Parsed { text, mut pathway, schemas, mut found } in pathways {
        let mut checked = Diagnostics::new();
        let noted = check::check(&mut pathway, &world, &mut checked);
        let keeps_secret = noted.keeps_secret;
        notes.push(noted);
        found.extend(checked);
        lint::lint(&mut pathway, text, project, &mut program.used, &mut found);
        if !found.has_errors() {
            let digest = digest::of(&mut pathway, text, &schemas, surroundings);
            let plan = assemble::assemble(pathway, digest, project, &constants);
            let plan = Plan { keeps_secret, ..plan };
            program.pathways.insert(plan.name.clone(), Arc::new(plan));
        }
        diagnostics.extend(found);
    }
    for (mut feed, digest, is_whole) in feeds {
        let mut found = Diagnostics::new();
        feed::check(&mut feed, &world, &mut found);
        program.used.topic(&feed.topic.value);
        if is_whole && !found.has_errors() {
            feed.digest = digest;
            program.feeds.insert(feed.name.value.as_str().into(), Arc::new(feed));
        }
        diagnostics.extend(found);
    }
    durability::check(&program, project, diagnostics);
    once::check(&program, diagnostics);
    (program, notes)
}

/// What the file is says its first key; one that has both is a pathway with a key too many.
fn is_feed(node: &Node) -> bool {
    node.get("feed").is_some() && node.get("pathway").is_none()
}

/// A pathway, its file's text and the schemas in files that it names.
struct Parsed<'a> {
    text: &'a str,
    pathway: Pathway,
    schemas: Vec<Arc<Schema>>,
    /// What was said of it.
    found: Diagnostics,
}

fn report_same_names<'a>(
    what: &str,
    names: impl Iterator<Item = &'a Spanned<String>>,
    diagnostics: &mut Diagnostics,
) {
    let mut seen = HashMap::new();
    for name in names {
        if let Some(first) = seen.insert(name.value.as_str(), name.span) {
            diagnostics.push(
                Diagnostic::error(SAME_NAME, format!("two {what} are called `{}`", name.value))
                    .at(name.span, "second")
                    .at(first, "first")
                    .help("give one of them another name"),
            );
        }
    }
}
