//! Documents → plans: names, dependencies, order, all problems at once.

mod assemble;
mod check;
mod complaint;
mod digest;
mod durability;
mod guards;
mod order;
mod plan;
mod routes;
mod scope;
mod ticks;

use std::collections::HashMap;
use std::sync::Arc;

use digest::Recorder;
use indexmap::IndexMap;

pub(crate) use order::Order;
pub use plan::{Block, BlockId, Plan, Step, step_path};
pub(crate) use plan::{Edge, OnError, Reason};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Pathway, Reader, Schemas};
use crate::expression::Variables;
use crate::project::Project;
use crate::schema::Schema;
use crate::source::Node;

const SAME_NAME: Code = Code("PW0516");

/// What a compilation reads.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Services, topics, variables and defaults.
    pub project: &'a Project,
    /// `${NAME}` values.
    pub variables: &'a Variables,
}

/// A pathway's file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its whole text: what runs are pinned to.
    pub text: Arc<str>,
    /// Its tree.
    pub node: Node,
}

/// All pathways of a project, ready to run.
#[derive(Debug, Default, Clone)]
pub struct Program {
    /// By name, in the order of the files.
    pub pathways: IndexMap<Arc<str>, Arc<Plan>>,
}

/// Compiles the pathways in `files`. All problems of all of them go to `diagnostics`; where any
/// is an error, the program has those pathways only that are whole, and must not be served.
pub fn compile(
    files: &[File],
    surroundings: Surroundings<'_>,
    schemas: &mut dyn Schemas,
    diagnostics: &mut Diagnostics,
) -> Program {
    let Surroundings { project, variables } = surroundings;
    let mut pathways: Vec<Parsed<'_>> = Vec::new();
    let mut declared: HashMap<String, _> = HashMap::new();
    for File { text, node } in files {
        // A pathway that does not parse is still there to be called.
        if let Some(name) = node.get("pathway").and_then(Node::as_text) {
            declared.entry(name.value.clone()).or_insert(None);
        }
        let mut found = Diagnostics::new();
        let mut recorder = Recorder { schemas, loaded: Vec::new() };
        let reader = &mut Reader { variables, project, schemas: &mut recorder, diagnostics: &mut found };
        if let Some(pathway) = Pathway::parse(node, reader) {
            pathways.push(Parsed { text, pathway, schemas: recorder.loaded, is_whole: !found.has_errors() });
        }
        diagnostics.extend(found);
    }
    for Parsed { pathway, .. } in &pathways {
        declared.insert(pathway.name.value.clone(), pathway.output.clone());
    }
    report_same_names(&pathways, diagnostics);
    routes::check(pathways.iter().map(|parsed| &parsed.pathway), diagnostics);

    let world = check::World { project, pathways: declared };
    let constants: Arc<[_]> = project.vars.values().map(|var| var.value.clone()).collect();
    let mut program = Program::default();
    for Parsed { text, mut pathway, schemas, is_whole } in pathways {
        let mut found = Diagnostics::new();
        check::check(&mut pathway, &world, &mut found);
        if is_whole && !found.has_errors() {
            let digest = digest::of(&mut pathway, text, &schemas, surroundings);
            let plan = assemble::assemble(pathway, digest, project, &constants);
            program.pathways.insert(plan.name.clone(), Arc::new(plan));
        }
        diagnostics.extend(found);
    }
    durability::check(&program, project, diagnostics);
    program
}

/// A pathway, its file's text and the schemas in files that it names.
struct Parsed<'a> {
    text: &'a str,
    pathway: Pathway,
    schemas: Vec<Arc<Schema>>,
    /// Whether it could be read without an error.
    is_whole: bool,
}

fn report_same_names(pathways: &[Parsed<'_>], diagnostics: &mut Diagnostics) {
    let mut seen = HashMap::new();
    for Parsed { pathway, .. } in pathways {
        let name = &pathway.name;
        if let Some(first) = seen.insert(name.value.as_str(), name.span) {
            diagnostics.push(
                Diagnostic::error(SAME_NAME, format!("two pathways are called `{}`", name.value))
                    .at(name.span, "second")
                    .at(first, "first")
                    .help("give one of them another name"),
            );
        }
    }
}
