//! `emit`: tells whoever listens to the run.

use super::{Action, Begun, Kind, Place, Request, Spec, Visitor};
use crate::document::Reader;
use crate::expression::{Scope, Tree};
use crate::reference::Takes;
use crate::schema::Shape;
use crate::source::Node;
use crate::vm::Failure;

/// `emit`.
pub(super) static SPEC: Spec = Spec {
    name: "emit",
    summary: "tells a value to whoever listens to this run",
    output: "the value",
    takes: Takes::Template,
    beside: &[],
    example: r#"steps:
  told: { emit: { progress: 0.5 } }
return: done
# returns: done
"#,
    parse,
};

#[derive(Debug)]
struct Emit {
    value: Tree,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    Some(Box::new(Emit { value: reader.tree(step.get(SPEC.name)?)? }))
}

impl Action for Emit {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        visitor.tree(&mut self.value, Place::Open("an emitted value"))
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        Ok(Begun::Ask(Request::Emit(self.value.eval(scope)?)))
    }

    fn kind(&self) -> Kind {
        Kind::Effect
    }

    fn emits(&self) -> bool {
        true
    }
}
