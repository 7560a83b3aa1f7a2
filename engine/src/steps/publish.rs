//! `publish`: puts a record on a topic.

use std::sync::Arc;

use super::{Action, Begun, Kind, Place, Request, Spec, Visitor};
use crate::document::{Fields, Reader, scalar};
use crate::expression::{Expression, Scope, Tree};
use crate::reference::{Field, Object, Of, Takes};
use crate::schema::Shape;
use crate::source::{Node, Spanned};
use crate::vm::Failure;

/// `publish`.
pub(super) static SPEC: Spec = Spec {
    name: "publish",
    summary: "puts a record on a topic, once, with the run's other changes",
    output: "`{id}`, the record's message id",
    takes: Takes::Object(&PUBLISH),
    beside: &[],
    example: r#"steps:
  told: { publish: { topic: receipts, key: input.id, value: { id: "{{ input.id }}" } } }
return: "{{ steps.told.id is string }}"
# input: {id: "7"}
# returns: true
"#,
    parse,
};

static PUBLISH: Object = Object::new(
    "publish",
    &[
        Field::required("topic", Takes::Name(Of::Topic), "a topic of the project"),
        Field::new("key", Takes::Expression, "records of one key stay in order"),
        Field::required("value", Takes::Template, "the record"),
        Field::new("headers", Takes::Texts, "record headers"),
    ],
);

#[derive(Debug)]
struct Publish {
    topic: Spanned<String>,
    topic_name: Arc<str>,
    key: Option<Expression>,
    value: Tree,
    headers: Vec<(Spanned<String>, Expression)>,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let mut fields = Fields::of(step.get(SPEC.name)?, "`publish`", reader.diagnostics)?;
    let topic = fields
        .require("topic", reader.diagnostics)
        .and_then(|node| scalar::word(node, "`topic`", reader.diagnostics));
    let key = fields.take("key").map(|node| reader.bare(node, "`key`"));
    let value = fields.require("value", reader.diagnostics).and_then(|node| reader.tree(node));
    let headers = fields.take("headers").map(|node| reader.pairs(node, "`headers`"));
    fields.finish(reader.diagnostics);
    let topic = topic?;
    Some(Box::new(Publish {
        topic_name: topic.value.as_str().into(),
        topic,
        key: key.map_or(Some(None), |key| key.map(Some))?,
        value: value?,
        headers: headers.unwrap_or_else(|| Some(Vec::new()))?,
    }))
}

impl Action for Publish {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        visitor.topic(&self.topic);
        if let Some(key) = &mut self.key {
            visitor.expression(key, Place::Open("a record's key"));
        }
        visitor.tree(&mut self.value, Place::Open("a published record"));
        for (_, value) in &mut self.headers {
            visitor.expression(value, Place::Open("a record's header"));
        }
        let properties = [("id".to_owned(), Shape::Scalar)].into_iter().collect();
        Shape::Object { properties, open: false }
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let key = self.key.as_ref().map(|key| key.render(scope, None)).transpose()?;
        let value = self.value.eval(scope)?;
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| Ok((name.value.clone(), value.render(scope, None)?)))
            .collect::<Result<_, Failure>>()?;
        Ok(Begun::Ask(Request::Publish { topic: self.topic_name.clone(), key, value, headers }))
    }

    fn kind(&self) -> Kind {
        Kind::Effect
    }

    fn target(&self) -> Option<&str> {
        Some(&self.topic_name)
    }
}
