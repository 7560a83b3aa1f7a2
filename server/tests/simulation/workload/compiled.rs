//! The pathways, compiled once.

use std::sync::{Arc, OnceLock};

use pathway_engine::compile::{File, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};

use super::pathways::{FED, OTHERS, PROJECT};

/// A project and its pathways.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) project: Arc<Project>,
    pub(crate) program: Program,
}

/// See above.
pub(crate) fn compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let fed = FED.iter().map(|fed| fed.text);
        compile_all(PROJECT, &fed.chain(OTHERS.iter().copied()).collect::<Vec<_>>())
    })
}

struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

fn compile_all(project: &str, pathways: &[&str]) -> Compiled {
    let mut sources = Sources::new();
    let mut diagnostics = Diagnostics::new();
    let variables = Variables::new();
    let mut parse = |name: &str, text: &str, diagnostics: &mut Diagnostics| {
        let file = sources.add(name, text.to_owned());
        source::parse(&sources, file, source::Limits::default(), diagnostics).unwrap()
    };
    let node = parse("pathway.yaml", project, &mut diagnostics);
    let project = Project::read(&node, &variables, &mut diagnostics);
    let files: Vec<_> = pathways
        .iter()
        .map(|text| File { text: (*text).into(), node: parse("p.yaml", text, &mut diagnostics) })
        .collect();
    let surroundings = Surroundings { project: &project, variables: &variables };
    let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
    let shown = render(&diagnostics.clone().sorted(), &sources, Format::Human { color: false });
    assert!(!diagnostics.has_errors(), "{shown}");
    Compiled { project: Arc::new(project), program }
}
