//! `steps`: a block inside a pathway.

use super::{Action, Begun, Kind, Spec, Visitor};
use crate::document::{Block, Fields, Reader};
use crate::expression::Scope;
use crate::reference::{Field, Takes};
use crate::schema::Shape;
use crate::source::Node;
use crate::vm::Failure;

/// `steps`.
pub(super) static SPEC: Spec = Spec {
    name: "steps",
    summary: "a block of steps with its own `return`",
    output: "what the block returns",
    takes: Takes::Steps,
    beside: &[Field::new("return", Takes::Template, "the block's value, beside `steps`")],
    example: r#"steps:
  price:
    steps:
      net: { set: 10 }
      tax: { set: "{{ steps.net * 0.2 }}" }
    return: "{{ steps.net + steps.tax }}"
return: "{{ steps.price }}"
# returns: 12.0
"#,
    parse,
};

#[derive(Debug)]
struct Nested {
    block: Block,
}

fn parse(step: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let mut fields = Fields::of(step, what, reader.diagnostics)?;
    let block = Block::from_fields(&mut fields, reader)?;
    Some(Box::new(Nested { block }))
}

impl Action for Nested {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        visitor.block(&mut self.block)
    }

    fn begin(&self, _scope: &dyn Scope) -> Result<Begun, Failure> {
        Ok(Begun::Enter(0))
    }

    fn kind(&self) -> Kind {
        Kind::Block
    }

    fn take_blocks(&mut self) -> Vec<Block> {
        vec![std::mem::take(&mut self.block)]
    }
}
