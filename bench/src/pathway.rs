//! Pathways from text, and a run of one from its start to its end.

use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::compile::{File, Plan, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::{Now, Variables};
use pathway_engine::journal::{Event, Kind, SEMANTICS, Started};
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Node, Sources, Spanned};
use pathway_engine::vm::{Effect, Vm};

/// The pathway of three pure steps.
pub(crate) const THREE: &str = include_str!("../pathways/three.pathway.yaml");

/// The same steps, each of which calls a service.
pub(crate) const CALLS: &str = include_str!("../pathways/calls.pathway.yaml");

/// No schema files.
struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

/// Compiles pathways, each a file, in a project of nothing but defaults.
pub(crate) fn program(project: &Project, pathways: &[Arc<str>]) -> Result<Program, String> {
    let mut sources = Sources::new();
    let mut diagnostics = Diagnostics::new();
    let variables = Variables::new();
    let mut files = Vec::with_capacity(pathways.len());
    for (n, text) in pathways.iter().enumerate() {
        let file = sources.add(format!("{n}.pathway.yaml"), text.clone());
        let node = source::parse(&sources, file, source::Limits::default(), &mut diagnostics);
        files.extend(node.map(|node| File { text: text.clone(), node }));
    }
    let surroundings = Surroundings { project, variables: &variables };
    let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
    match diagnostics.has_errors() {
        true => Err(render(&diagnostics.sorted(), &sources, Format::Human { color: false })),
        false => Ok(program),
    }
}

/// The plan of one pathway.
pub(crate) fn plan(text: &str) -> Result<Arc<Plan>, String> {
    let program = program(&Project::default(), &[text.into()])?;
    program.pathways.values().next().cloned().ok_or_else(|| "no pathway was compiled".to_owned())
}

/// The tree of a YAML text.
pub(crate) fn tree(text: &str) -> Result<Node, String> {
    let mut sources = Sources::new();
    let file = sources.add("bench.yaml", text);
    source::parse(&sources, file, source::Limits::default(), &mut Diagnostics::new())
        .ok_or_else(|| "the text is not YAML".to_owned())
}

/// A value from JSON.
pub(crate) fn decode(json: &str) -> Result<Value, String> {
    pathway_engine::value::from_json(json.as_bytes()).map_err(|error| error.to_string())
}

/// Runs a plan without effects to its end; answers what it returned.
pub(crate) fn run(plan: &Arc<Plan>, id: &str, input: Value) -> Result<Value, String> {
    let started = Started {
        run: id.into(),
        input: input.into(),
        principal: None,
        seed: 7,
        semantics: SEMANTICS,
        attempt: 1,
        depth: 0,
        sealed: None,
        refused: None,
        trace: None,
        caller: None,
        rerun: None,
    };
    let event = Event { at: Now::UNIX_EPOCH, kind: Kind::Started(started) };
    let mut effects = Vec::new();
    let _applied = Vm::new(plan.clone()).apply(&event, &mut effects);
    match effects.pop() {
        Some(Effect::Ended { outcome: Ok(value) }) => Ok(value),
        Some(Effect::Ended { outcome: Err(failure) }) => Err(failure.message),
        other => Err(format!("the run did not end: {other:?}")),
    }
}
