//! The pathways in both of their versions, compiled once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use pathway_engine::compile::{File, Plan, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};
use pathway_server::definition::Definition;
use serde_json::json;

use super::pathways::{CHANGES, DOORS, FED, OTHERS, PROJECT, SCHEDULED};

/// A project and its pathways.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) project: Arc<Project>,
    pub(crate) program: Program,
    pub(crate) definition: Definition,
}

/// One version or the other.
pub(crate) fn compiled(version: usize) -> &'static Compiled {
    &versions()[version % 2]
}

/// The plan that has this digest.
pub(crate) fn plan(digest: &str) -> Arc<Plan> {
    static PLANS: OnceLock<BTreeMap<String, Arc<Plan>>> = OnceLock::new();
    let plans = PLANS.get_or_init(|| {
        let plans = versions().iter().flat_map(|version| version.program.pathways.values());
        plans.map(|plan| (plan.digest.to_string(), plan.clone())).collect()
    });
    plans[digest].clone()
}

fn versions() -> &'static [Compiled; 2] {
    static VERSIONS: OnceLock<[Compiled; 2]> = OnceLock::new();
    VERSIONS.get_or_init(|| {
        let doors = DOORS.iter().map(|(_, _, text)| *text);
        let fed = FED.iter().map(|fed| fed.text).chain([SCHEDULED]).chain(doors);
        let first: Vec<String> = fed.chain(OTHERS.iter().copied()).map(str::to_owned).collect();
        let change =
            |text: &String| CHANGES.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
        let second: Vec<String> = first.iter().map(change).collect();
        [compile_all(&first), compile_all(&second)]
    })
}

struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

fn compile_all(pathways: &[String]) -> Compiled {
    let mut sources = Sources::new();
    let mut diagnostics = Diagnostics::new();
    let variables = Variables::new();
    let mut parse = |name: &str, text: &str, diagnostics: &mut Diagnostics| {
        let file = sources.add(name, text.to_owned());
        source::parse(&sources, file, source::Limits::default(), diagnostics).unwrap()
    };
    let node = parse("pathway.yaml", PROJECT, &mut diagnostics);
    let project = Project::read(&node, &variables, &mut diagnostics);
    let name = |n: usize| format!("pathways/p{n}.yaml");
    let files: Vec<_> = (0..)
        .zip(pathways)
        .map(|(n, text)| File { text: text.as_str().into(), node: parse(&name(n), text, &mut diagnostics) })
        .collect();
    let surroundings = Surroundings { project: &project, variables: &variables };
    let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
    let shown = render(&diagnostics.clone().sorted(), &sources, Format::Human { color: false });
    assert!(!diagnostics.has_errors(), "{shown}");
    let texts: BTreeMap<String, &String> = (0..).map(name).zip(pathways).collect();
    let definition = json!({ "project": PROJECT, "files": texts, "variables": {} });
    let definition = serde_json::from_value(definition).unwrap();
    Compiled { project: Arc::new(project), program, definition }
}
