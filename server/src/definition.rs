//! What runs are pinned to: the files and settings of a project as they were when a run began,
//! kept in the store as long as a run needs them. A run that is taken up after the project was
//! changed goes on with what it began with; URLs, headers and secrets are those of now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pathway_engine::compile::{File, Plan, Program, Surroundings, compile};
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::document::Schemas;
use pathway_engine::expression::{Variable, Variables};
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Limits, Sources, Spanned};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A project's files and settings, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The settings, all layers taken together, as YAML.
    project: String,
    /// Pathways and schemas, by path.
    files: BTreeMap<String, String>,
    /// What `${NAME}` stood for.
    variables: BTreeMap<String, String>,
}

impl Definition {
    /// Of a project whose pathways have been loaded.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut definition = Self { project: config.to_yaml(), ..Self::default() };
        for file in config.sources.files() {
            let (path, text) = (config.sources.path(file), config.sources.text(file));
            let is_kept = [".json", ".yaml", ".yml"].iter().any(|end| path.ends_with(end));
            if is_kept && path != crate::config::FILE {
                definition.files.insert(path.to_owned(), text.to_owned());
            }
        }
        let is_named = |name: &str| {
            let text = format!("${{{name}");
            definition.files.values().any(|file| file.contains(&text))
        };
        definition.variables = config
            .variables
            .names()
            .filter(|name| is_named(name))
            .filter_map(|name| Some((name, config.variables.get(name)?)))
            .filter(|(_, variable)| !variable.secret)
            .map(|(name, variable)| (name.to_owned(), variable.value.clone()))
            .collect();
        definition
    }

    /// The plan of a pathway as it was, if it still compiles to this digest; `now` has the secrets.
    #[must_use]
    pub fn plan(&self, pathway: &str, digest: &str, now: &Variables) -> Option<Arc<Plan>> {
        let plan = self.compile(now).pathways.get(pathway)?.clone();
        (*plan.digest == *digest).then_some(plan)
    }

    fn compile(&self, now: &Variables) -> Program {
        let mut variables = now.clone();
        for (name, value) in &self.variables {
            variables.set(name.clone(), Variable { value: value.clone(), secret: false });
        }
        let mut files = Files { sources: Sources::new(), texts: &self.files, compiled: HashMap::new() };
        // It had no problems when it was kept; what is masked now is not what a plan reads.
        let mut ignored = Diagnostics::new();
        let mut parse = |path: &str, text: &str, files: &mut Files<'_>| {
            let id = files.sources.add(path, text);
            source::parse(&files.sources, id, Limits::default(), &mut ignored)
        };
        let project = parse("pathway.yaml", &self.project, &mut files)
            .map(|node| Project::read(&node, &variables, &mut Diagnostics::new()))
            .unwrap_or_default();
        let mut nodes = Vec::new();
        for (path, text) in &self.files {
            let node = parse(path, text, &mut files).filter(|node| node.get("pathway").is_some());
            nodes.extend(node.map(|node| File { text: text.as_str().into(), node }));
        }
        let surroundings = Surroundings { project: &project, variables: &variables };
        compile(&nodes, surroundings, &mut files, &mut Diagnostics::new())
    }
}

/// The schemas of a definition.
struct Files<'a> {
    sources: Sources,
    texts: &'a BTreeMap<String, String>,
    compiled: HashMap<String, Option<Arc<Schema>>>,
}

impl Schemas for Files<'_> {
    fn load(&mut self, from: FileId, path: &Spanned<String>, found: &mut Diagnostics) -> Option<Arc<Schema>> {
        let resolved = crate::config::resolve(self.sources.path(from), &path.value).ok()?;
        if let Some(schema) = self.compiled.get(&resolved) {
            return schema.clone();
        }
        let text = self.texts.get(&resolved)?;
        let id = self.sources.add(resolved.clone(), text.as_str());
        let schema = source::parse(&self.sources, id, Limits::default(), found)
            .and_then(|node| Schema::compile(&node, found))
            .map(Arc::new);
        self.compiled.insert(resolved, schema.clone());
        schema
    }
}
