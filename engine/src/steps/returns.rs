//! `return`: ends its block with a value.

use super::{Action, Begun, Kind, Place, Spec, Visitor};
use crate::document::Reader;
use crate::expression::{Scope, Tree};
use crate::reference::Takes;
use crate::schema::Shape;
use crate::source::Node;
use crate::vm::Failure;

/// `return`.
pub(super) static SPEC: Spec = Spec {
    name: "return",
    summary: "ends its block with a value; nothing written after it runs",
    output: "none",
    takes: Takes::Template,
    beside: &[],
    example: r#"steps:
  nothing: { when: not input.items, return: nothing to do }
return: "{{ input.items | length }} items"
# input: {items: []}
# returns: nothing to do
"#,
    parse,
};

#[derive(Debug)]
struct Return {
    value: Tree,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    Some(Box::new(Return { value: reader.tree(step.get(SPEC.name)?)? }))
}

impl Action for Return {
    /// The shape of what its block then returns.
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        visitor.tree(&mut self.value, Place::Open("a return"))
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        Ok(Begun::Return(self.value.eval(scope)?))
    }

    fn kind(&self) -> Kind {
        Kind::Guard
    }

    fn returns(&self) -> bool {
        true
    }
}
