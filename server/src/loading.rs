//! Files → program: a project's pathways, feeds and schemas, read and compiled.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::{File, Notes, Program, Surroundings, examine};
use pathway_engine::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use pathway_engine::document::Schemas;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Spanned};

use crate::config::Config;

const OUTSIDE: Code = Code("PW0629");

/// Compiles the pathways and feeds in `paths`, relative to the project's folder. All that is wrong is added
/// to the configuration's diagnostics.
pub fn load(config: &mut Config, paths: &[String]) -> Program {
    load_noting(config, paths).program
}

/// What was loaded, for those who ask more than to run it.
#[derive(Debug)]
pub struct Loaded {
    /// The program.
    pub program: Program,
    /// The files that could be read.
    pub files: Vec<File>,
    /// What the compiler found out of the pathways.
    pub notes: Vec<Notes>,
}

/// As [`load`], with what was read.
pub fn load_noting(config: &mut Config, paths: &[String]) -> Loaded {
    let mut files = Vec::with_capacity(paths.len());
    let mut broken = Vec::new();
    for path in paths {
        let Some(id) = config.add_file(path, None) else { continue };
        let text: Arc<str> = config.sources.text(id).into();
        let mut found = Diagnostics::new();
        let node = source::parse(&config.sources, id, source::Limits::default(), &mut found);
        broken.extend(found.has_errors().then_some(id));
        config.diagnostics.extend(found);
        files.extend(node.map(|node| File { text, node }));
    }
    let (project, variables) = (config.project.clone(), config.variables.clone());
    let mut diagnostics = Diagnostics::new();
    let surroundings = Surroundings { project: &project, variables: &variables };
    let mut schemas = SchemaFiles { config, compiled: HashMap::new() };
    let (program, notes) = examine(&files, surroundings, &mut schemas, &mut diagnostics);
    // Of a file that is not read whole, nobody knows what is not as meant.
    diagnostics.retain(|diagnostic| {
        let is_in = |file: FileId| diagnostic.labels.first().is_some_and(|label| label.span.file == file);
        diagnostic.severity == Severity::Error || !broken.iter().any(|file| is_in(*file))
    });
    config.diagnostics.extend(diagnostics);
    Loaded { program, files, notes }
}

/// The schemas of a project, each read and compiled once.
struct SchemaFiles<'a> {
    config: &'a mut Config,
    compiled: HashMap<String, Option<Arc<Schema>>>,
}

impl Schemas for SchemaFiles<'_> {
    fn load(
        &mut self,
        from: FileId,
        path: &Spanned<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Schema>> {
        let from = self.config.sources.path(from).to_owned();
        let resolved = match self.config.root.resolve(&from, &path.value) {
            Ok(resolved) => resolved,
            Err(error) => {
                diagnostics.push(
                    Diagnostic::error(OUTSIDE, format!("the schema `{}` was not read: {error}", path.value))
                        .at(path.span, "named here")
                        .help("name a file below the project's folder, relative to this file"),
                );
                return None;
            }
        };
        if let Some(schema) = self.compiled.get(&resolved) {
            return schema.clone();
        }
        let schema = self.config.add_file(&resolved, Some(path.span)).and_then(|id| {
            let limits = source::Limits::default();
            let node = source::parse(&self.config.sources, id, limits, &mut self.config.diagnostics)?;
            Schema::compile(&node, diagnostics).map(Arc::new)
        });
        self.compiled.insert(resolved, schema.clone());
        schema
    }
}
