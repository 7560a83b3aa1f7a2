//! `validate`: checks a value against a schema.

use std::sync::Arc;

use super::{Action, Begun, Place, Spec, Visitor};
use crate::document::{self, Fields, Reader, scalar};
use crate::expression::{Expression, Scope};
use crate::reference::{Field, Object, Takes};
use crate::schema::{Schema, Shape};
use crate::source::Node;
use crate::vm::{Class, Failure};

/// `validate`.
pub(super) static SPEC: Spec = Spec {
    name: "validate",
    summary: "checks a value against a schema and fills in the schema's defaults",
    output: "the value",
    takes: Takes::Object(&VALIDATE),
    beside: &[],
    example: r#"steps:
  known: { validate: { value: input, schema: { type: object, properties: { lang: { type: string, default: en } } } } }
return: "{{ steps.known.lang }}"
# returns: en
"#,
    parse,
};

static VALIDATE: Object = Object::new(
    "validate",
    &[
        Field::required("value", Takes::Expression, "what is checked"),
        Field::required("schema", Takes::Schema, "a path, or a schema written in place"),
        Field::new("class", Takes::Class, "of the failure; `invalid` where nothing is said"),
    ],
);

#[derive(Debug)]
struct Validate {
    value: Expression,
    schema: Arc<Schema>,
    class: Class,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let mut fields = Fields::of(step.get(SPEC.name)?, "`validate`", reader.diagnostics)?;
    let value = fields.require("value", reader.diagnostics).and_then(|node| reader.bare(node, "`value`"));
    let schema =
        fields.require("schema", reader.diagnostics).and_then(|node| reader.schema(node, "`schema`"));
    let class = match fields.take("class") {
        None => Some(Class::Invalid),
        Some(node) => scalar::word(node, "`class`", reader.diagnostics)
            .and_then(|name| document::class(&name.value, name.span, reader.diagnostics)),
    };
    fields.finish(reader.diagnostics);
    Some(Box::new(Validate { value: value?, schema: schema?, class: class? }))
}

impl Action for Validate {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        let value = visitor.expression(&mut self.value, Place::Value);
        let shape = self.schema.shape().clone();
        if value.is_secret() { Shape::Secret(Box::new(shape)) } else { shape }
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let value = self.value.eval(scope)?;
        self.schema
            .check(&value)
            .map(Begun::Done)
            .map_err(|violations| Failure::violated(self.class, "the value", violations))
    }
}
