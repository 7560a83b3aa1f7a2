//! `call`: runs another pathway as a child.

use std::sync::Arc;

use super::{Action, Begun, Kind, Place, Request, Spec, Visitor};
use crate::Value;
use crate::document::{Fields, Reader, scalar};
use crate::expression::{Scope, Tree};
use crate::reference::{Field, Object, Of, Takes};
use crate::schema::Shape;
use crate::source::{Node, Spanned};
use crate::vm::Failure;

/// `call`.
pub(super) static SPEC: Spec = Spec {
    name: "call",
    summary: "runs another pathway and waits for it",
    output: "what that pathway returns",
    takes: Takes::Object(&CALL),
    beside: &[],
    example: r#"steps:
  below: { when: input.n > 0, call: { pathway: example, input: { n: "{{ input.n - 1 }}" } } }
return: "{{ (steps.below or 0) + input.n }}"
# input: {n: 2}
# mocks: {below: 1}
# returns: 3
"#,
    parse,
};

static CALL: Object = Object::new(
    "call",
    &[
        Field::required("pathway", Takes::Name(Of::Pathway), "which"),
        Field::new("input", Takes::Template, "its input"),
    ],
);

#[derive(Debug)]
struct Call {
    pathway: Spanned<String>,
    name: Arc<str>,
    input: Option<Tree>,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let mut fields = Fields::of(step.get(SPEC.name)?, "`call`", reader.diagnostics)?;
    let pathway = fields
        .require("pathway", reader.diagnostics)
        .and_then(|node| scalar::word(node, "`pathway`", reader.diagnostics));
    let input = fields.take("input").map(|node| reader.tree(node));
    fields.finish(reader.diagnostics);
    let pathway = pathway?;
    let input = input.map_or(Some(None), |input| input.map(Some))?;
    Some(Box::new(Call { name: pathway.value.as_str().into(), pathway, input }))
}

impl Action for Call {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        if let Some(input) = &mut self.input {
            visitor.tree(input, Place::Value);
        }
        visitor.pathway(&self.pathway)
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let input = match &self.input {
            Some(tree) => tree.eval(scope)?,
            None => Value::from_pairs(std::iter::empty::<(Value, Value)>()),
        };
        Ok(Begun::Ask(Request::Child { pathway: self.name.clone(), input }))
    }

    fn kind(&self) -> Kind {
        Kind::Suspend
    }

    fn target(&self) -> Option<&str> {
        Some(&self.name)
    }
}
