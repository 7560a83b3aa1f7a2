//! Checks what constructs and verbs name and read: the way in for both.

use std::collections::HashMap;

use super::{Checker, SECRET_OUT, SECRET_PART, SHADOWS, UNKNOWN_PATHWAY, UNKNOWN_SERVICE, UNKNOWN_TOPIC};
use crate::diagnostic::Diagnostic;
use crate::document::Block;
use crate::expression::{Expression, Read, Tree};
use crate::schema::Shape;
use crate::source::{Span, Spanned};
use crate::steps::{Place, Visitor};

impl Visitor for Checker<'_> {
    fn expression(&mut self, expression: &mut Expression, place: Place) -> Shape {
        if place == Place::Pick {
            return self.seeing(&["chunk"], |checker| checker.expression(expression, Place::Condition));
        }
        let tolerant = place == Place::Condition;
        let reads: HashMap<Span, bool> =
            expression.reads().iter().map(|read| (read.span, read.flows)).collect();
        let single = expression.as_path().map(|read| read.span);
        let mut secret = expression.has_secret().then(|| expression.span());
        let (mut shape, mut carries) = (Shape::Any, None);
        expression.bind(&mut |read: &Read| {
            let (bound, found) = self.read(read, tolerant || read.tolerated || read.conditional)?;
            if found.is_secret() && reads.get(&read.span).copied().unwrap_or(true) {
                secret.get_or_insert(read.span);
            }
            if let (true, Place::Open(place)) = (single == Some(read.span) && found.holds_secret(), place) {
                carries.get_or_insert((read.span, place));
            }
            if single == Some(read.span) {
                shape = found;
            }
            Some(bound)
        });
        if let (Some(span), Place::Open(place)) = (secret, place) {
            self.diagnostics.push(secret_out(span, place));
        } else if let Some((span, place)) = carries {
            self.diagnostics.push(secret_part_out(span, place));
        }
        if secret.is_some() { shape.secret() } else { shape }
    }

    fn tree(&mut self, tree: &mut Tree, place: Place) -> Shape {
        let mut shapes = Vec::new();
        tree.visit_mut(&mut |expression| shapes.push(self.expression(expression, place)));
        shape_of(tree, &mut shapes.into_iter()).bounded()
    }

    fn local(&mut self, name: &Spanned<String>, shape: Shape) {
        if self.names.is_taken(&name.value) {
            self.diagnostics.push(
                Diagnostic::error(SHADOWS, format!("`{}` already stands for something here", name.value))
                    .at(name.span, "would hide it")
                    .help("give it another name"),
            );
        }
        self.names.locals.push((name.value.clone(), shape));
    }

    fn block(&mut self, block: &mut Block) -> Shape {
        self.check_block(block).unwrap_or(Shape::Any)
    }

    fn service(&mut self, name: &Spanned<String>) {
        let services = &self.world.project.services;
        if !services.contains_key(&name.value) {
            self.diagnostics.push(
                Diagnostic::error(UNKNOWN_SERVICE, format!("the project has no service `{}`", name.value))
                    .at(name.span, "unknown service")
                    .help("declare it under `services` in pathway.yaml")
                    .suggest(&name.value, services.keys().map(String::as_str)),
            );
        }
    }

    fn topic(&mut self, name: &Spanned<String>) {
        let topics = &self.world.project.topics;
        let implicit = name.value.strip_prefix("pathway.").unwrap_or(&name.value);
        if !topics.admits(&name.value) && !self.world.pathways.contains_key(implicit) {
            self.diagnostics.push(
                Diagnostic::error(UNKNOWN_TOPIC, format!("the project has no topic `{}`", name.value))
                    .at(name.span, "unknown topic")
                    .help("list it under `topics` in pathway.yaml")
                    .suggest(&name.value, topics.listed()),
            );
        }
    }

    fn pathway(&mut self, name: &Spanned<String>) -> Shape {
        match self.world.pathways.get(&name.value) {
            Some(output) => output.as_ref().map_or(Shape::Any, |schema| schema.shape().clone()),
            None => {
                self.diagnostics.push(
                    Diagnostic::error(UNKNOWN_PATHWAY, format!("there is no pathway `{}`", name.value))
                        .at(name.span, "unknown pathway")
                        .suggest(&name.value, self.world.pathways.keys().map(String::as_str)),
                );
                Shape::Any
            }
        }
    }
}

/// A secret would get out at that place.
pub(in crate::compile) fn secret_out(span: Span, place: &str) -> Diagnostic {
    Diagnostic::error(SECRET_OUT, format!("a secret would become part of {place}"))
        .at(span, "secret")
        .help("leave it out, or say that it may be seen: `reveal(…)`")
}

/// Something of which a part is secret would get out at that place.
fn secret_part_out(span: Span, place: &str) -> Diagnostic {
    Diagnostic::warning(SECRET_PART, format!("something secret may become part of {place}"))
        .at(span, "has properties that are secret")
        .help("leave them out: `… | omit('NAME')`, or say that they may be seen: `reveal(…)`")
}

/// What a tree yields, given what its templates yield in the order written.
fn shape_of(tree: &Tree, shapes: &mut impl Iterator<Item = Shape>) -> Shape {
    if tree.as_expression().is_some() {
        return shapes.next().unwrap_or(Shape::Any);
    }
    if let Some(entries) = tree.as_map() {
        return Shape::object(
            entries.iter().map(|(name, tree)| (name.as_str(), shape_of(tree, shapes))).collect::<Vec<_>>(),
        );
    }
    if let Some(items) = tree.as_list() {
        let items: Vec<_> = items.iter().map(|item| shape_of(item, shapes)).collect();
        return Shape::List(Box::new(items.into_iter().reduce(Shape::or).unwrap_or(Shape::Any)));
    }
    tree.as_constant().map_or(Shape::Any, Shape::of)
}
