//! What a run is pinned to.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Surroundings;
use crate::diagnostic::Diagnostics;
use crate::document::{Block, OnError, Pathway, Schemas};
use crate::expression::{Expression, Tree, Variables};
use crate::journal::SEMANTICS;
use crate::project::PathwayDefaults;
use crate::schema::{Schema, Shape};
use crate::source::{FileId, Kind, Node, Spanned};
use crate::steps::{Place, Visitor};

/// The hash of all that the VM reads of a pathway: its text, the `schemas` in other files, the
/// project's variables and defaults, `${NAME}` values, and what the services that it calls say
/// of calls and retries. URLs, headers and secrets are not part of it.
pub(super) fn of(
    pathway: &mut Pathway,
    text: &str,
    schemas: &[Arc<Schema>],
    around: Surroundings<'_>,
) -> Arc<str> {
    let Surroundings { project, variables } = around;
    let mut hasher = Hasher { sha: Sha256::new(), variables };
    hasher.part(SEMANTICS.to_le_bytes());
    hasher.file(text, schemas, around);
    for name in services(pathway) {
        let Some(service) = project.services.get(&name) else { continue };
        hasher.part(&name);
        hasher.part(format!("{:?}", service.retry));
        if let Some(calls) = &service.http {
            hasher.node(calls);
        }
    }
    let PathwayDefaults { max_parallel, timeout, max_queue: _ } = project.pathway;
    hasher.part(format!("{max_parallel} {timeout:?} {:?}", project.service.retry));
    hasher.end()
}

/// The hash of all that a feed says, by which it is known whether it is another than before.
pub(super) fn of_feed(text: &str, schemas: &[Arc<Schema>], around: Surroundings<'_>) -> Arc<str> {
    let mut hasher = Hasher { sha: Sha256::new(), variables: around.variables };
    hasher.file(text, schemas, around);
    hasher.end()
}

struct Hasher<'a> {
    sha: Sha256,
    variables: &'a Variables,
}

impl Hasher<'_> {
    fn end(self) -> Arc<str> {
        let digest = self.sha.finalize();
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>().into()
    }

    /// A file, the schemas in others that it names, and the constants of the project.
    fn file(&mut self, text: &str, schemas: &[Arc<Schema>], around: Surroundings<'_>) {
        self.text(text);
        for schema in schemas {
            self.part(schema.json().to_string());
        }
        for (name, var) in &around.project.vars {
            self.part(name);
            if !var.secret {
                self.part(format!("{:?}", var.value));
            }
        }
    }

    /// Each with its length, so that no two sequences of parts are the same bytes.
    fn part(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.sha.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.sha.update(bytes);
    }

    /// A text, and the values of the variables that it names, unless they are secret.
    fn text(&mut self, text: &str) {
        self.part(text);
        for (_, rest) in text.match_indices("${").filter_map(|(at, _)| text.split_at_checked(at + 2)) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let Some((name, _)) = rest.split_at_checked(end) else { continue };
            match self.variables.get(name) {
                Some(variable) if !variable.secret => self.part(&variable.value),
                Some(_) => self.part("secret"),
                None => self.part("not set"),
            }
        }
    }

    /// A tree without its places, so that a file may be laid out anew.
    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Text(text) => self.text(&text.value),
            Kind::List(items) => {
                self.part(format!("list of {}", items.len()));
                items.iter().for_each(|item| self.node(item));
            }
            Kind::Map(entries) => {
                self.part(format!("map of {}", entries.len()));
                for entry in entries {
                    self.part(&entry.key.value);
                    self.node(&entry.value);
                }
            }
            scalar => self.part(format!("{scalar:?}")),
        }
    }
}

/// The services that a pathway calls.
fn services(pathway: &mut Pathway) -> BTreeSet<String> {
    let mut services = Services::default();
    services.block(&mut pathway.body);
    if let Some(block) = &mut pathway.on_error {
        services.block(block);
    }
    services.names
}

#[derive(Default)]
struct Services {
    names: BTreeSet<String>,
}

impl Visitor for Services {
    fn expression(&mut self, _: &mut Expression, _: Place) -> Shape {
        Shape::Any
    }

    fn tree(&mut self, _: &mut Tree, _: Place) -> Shape {
        Shape::Any
    }

    fn local(&mut self, _: &Spanned<String>, _: Shape) {}

    fn block(&mut self, block: &mut Block) -> Shape {
        for step in &mut block.steps {
            step.action.check(self);
            if let Some(OnError::Block(block)) = &mut step.on_error {
                self.block(block);
            }
            if let Some(compensate) = &mut step.compensate {
                self.block(&mut compensate.block);
            }
        }
        Shape::Any
    }

    fn service(&mut self, name: &Spanned<String>) {
        self.names.insert(name.value.clone());
    }

    fn topic(&mut self, _: &Spanned<String>) {}

    fn pathway(&mut self, _: &Spanned<String>) -> Shape {
        Shape::Any
    }
}

/// Keeps the schemas that a pathway names.
pub(super) struct Recorder<'a> {
    pub(super) schemas: &'a mut dyn Schemas,
    pub(super) loaded: Vec<Arc<Schema>>,
}

impl Schemas for Recorder<'_> {
    fn load(
        &mut self,
        from: FileId,
        path: &Spanned<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Schema>> {
        let schema = self.schemas.load(from, path, diagnostics)?;
        self.loaded.push(schema.clone());
        Some(schema)
    }
}
