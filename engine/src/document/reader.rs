//! What reading a pathway needs beside its own text.

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::expression::{Expression, Tree, Variables};
use crate::project::Project;
use crate::schema::Schema;
use crate::source::{FileId, Kind, Node, Spanned};

use super::{scalar, whole};

/// Gives schemas by the path that a pathway names.
pub trait Schemas {
    /// The compiled schema at `path`, seen from the file that names it; problems are reported.
    fn load(
        &mut self,
        from: FileId,
        path: &Spanned<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Schema>>;
}

/// What reading a pathway needs beside its own text.
pub struct Reader<'a> {
    /// `${NAME}` values.
    pub variables: &'a Variables,
    /// Services, topics and defaults.
    pub project: &'a Project,
    /// Schemas in files.
    pub schemas: &'a mut dyn Schemas,
    /// Where problems go.
    pub diagnostics: &'a mut Diagnostics,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader<'_> {
    /// A field that can only be an expression. A number or `true` is one too.
    pub fn bare(&mut self, node: &Node, what: &str) -> Option<Expression> {
        match &node.kind {
            Kind::Text(text) => Expression::bare(text, self.variables, self.diagnostics),
            Kind::Bool(value) => Some(Expression::constant((*value).into(), node.span)),
            Kind::Int(value) => Some(Expression::constant((*value).into(), node.span)),
            _ => {
                self.diagnostics.push(super::fields::wrong_type(what, "an expression", node));
                None
            }
        }
    }

    /// A field that is a condition: undefined is false.
    pub fn condition(&mut self, node: &Node, what: &str) -> Option<Expression> {
        match &node.kind {
            Kind::Text(text) => Expression::condition(text, self.diagnostics),
            _ => self.bare(node, what),
        }
    }

    /// A field that can only be an expression and accepts undefined, as none.
    pub fn optional(&mut self, node: &Node, what: &str) -> Option<Expression> {
        match &node.kind {
            Kind::Text(text) => Expression::optional(text, self.diagnostics),
            _ => self.bare(node, what),
        }
    }

    /// A text that may be a template; numbers and booleans are taken as their text.
    pub fn template(&mut self, node: &Node, what: &str) -> Option<Expression> {
        match &node.kind {
            Kind::Text(text) => Expression::template(text, self.variables, self.diagnostics),
            Kind::Bool(value) => Some(Expression::constant(value.to_string().into(), node.span)),
            Kind::Int(value) => Some(Expression::constant(value.to_string().into(), node.span)),
            Kind::Float(value) => Some(Expression::constant(value.to_string().into(), node.span)),
            _ => {
                self.diagnostics.push(super::fields::wrong_type(what, "text", node));
                None
            }
        }
    }

    /// A value that is templated in depth.
    pub fn tree(&mut self, node: &Node) -> Option<Tree> {
        Tree::parse(node, self.variables, self.diagnostics)
    }

    /// A map whose values are templates, such as headers.
    pub fn pairs(&mut self, node: &Node, what: &str) -> Option<Vec<(Spanned<String>, Expression)>> {
        let Some(entries) = node.as_map() else {
            self.diagnostics.push(super::fields::wrong_type(what, "a map", node));
            return None;
        };
        whole(entries.iter().map(|entry| {
            let what = format!("`{}`", entry.key.value);
            Some((entry.key.clone(), self.template(&entry.value, &what)?))
        }))
    }

    /// A schema: the path of a file, or one written in place.
    pub fn schema(&mut self, node: &Node, what: &str) -> Option<Arc<Schema>> {
        match &node.kind {
            Kind::Text(_) => {
                let path = scalar::word(node, what, self.diagnostics)?;
                self.schemas.load(node.span.file, &path, self.diagnostics)
            }
            Kind::Map(_) => Schema::compile(node, self.diagnostics).map(Arc::new),
            _ => {
                self.diagnostics.push(super::fields::wrong_type(what, "a schema or the path of one", node));
                None
            }
        }
    }
}
