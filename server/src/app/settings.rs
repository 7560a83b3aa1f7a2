//! What a server is made of.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use pathway_engine::compile::Program;
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use tokio::net::TcpListener;

use super::{Role, reload};
use crate::config::{Config, Request};
use crate::definition::Definition;
use crate::runner::Mocks;

/// What a server is made of.
#[derive(Debug)]
pub struct Settings {
    /// What it is there for.
    pub role: Role,
    /// The project.
    pub project: Project,
    /// Its pathways, without errors.
    pub program: Program,
    /// What runs are pinned to.
    pub definition: Definition,
    /// What `${NAME}` stands for.
    pub variables: Variables,
    /// Its folder, which a relative `store.path` is meant from.
    pub folder: PathBuf,
    /// Listens here instead of where the project says; for operators then on a free port.
    pub listener: Option<TcpListener>,
    /// How it is read again.
    pub request: Request,
    /// The folders of all files that were read.
    pub folders: BTreeSet<PathBuf>,
    /// Services that mocks stand for beside those without a URL; none: all are called.
    pub mocked: Option<Vec<String>>,
    /// These mocks.
    pub mocks: Option<Arc<Mocks>>,
}

impl Settings {
    /// To serve the project of `config`.
    #[must_use]
    pub fn new(config: Config, program: Program) -> Self {
        Self {
            role: Role::Serve,
            definition: Definition::of(&config),
            folder: config.root.folder().to_owned(),
            request: config.request.clone(),
            folders: reload::folders(&config),
            variables: config.variables,
            project: config.project,
            program,
            listener: None,
            mocked: None,
            mocks: None,
        }
    }

    /// The same with mocks for services without a URL, and for those that are named.
    #[must_use]
    pub(crate) fn mocking(self, services: Vec<String>, mocks: Arc<Mocks>) -> Self {
        Self { mocked: Some(services), mocks: Some(mocks), ..self }
    }
}
