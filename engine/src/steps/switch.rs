//! `switch`: one of several blocks, by a value.

use super::{Action, Begun, Kind, Place, Spec, Visitor};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{BLOCK, Block, Fields, Reader, wrong_type};
use crate::expression::{Expression, Scope, text_of};
use crate::reference::{Field, Object, Takes};
use crate::schema::Shape;
use crate::source::Node;
use crate::vm::{Class, Failure};

const SAME_CASE: Code = Code("PW0215");

/// `switch`.
pub(super) static SPEC: Spec = Spec {
    name: "switch",
    summary: "runs the block of the case that the value equals",
    output: "what the chosen block returns; none where no case matches and there is no default",
    takes: Takes::Object(&SWITCH),
    beside: &[],
    example: r#"steps:
  kind:
    switch:
      of: input.kind
      cases: { invoice: { return: a bill } }
      default: { return: something else }
return: "{{ steps.kind }}"
# input: {kind: invoice}
# returns: a bill
"#,
    parse,
};

static SWITCH: Object = Object::new(
    "switch",
    &[
        Field::required("of", Takes::Expression, "the value"),
        Field::required("cases", Takes::Map(&Takes::Object(&BLOCK)), "by value; `a, b` stands for either"),
        Field::new("default", Takes::Object(&BLOCK), "for every other value"),
    ],
);

#[derive(Debug)]
struct Switch {
    of: Expression,
    /// The text of a value and the block it chooses.
    cases: Vec<(String, usize)>,
    default: Option<usize>,
    blocks: Vec<Block>,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let mut fields = Fields::of(step.get(SPEC.name)?, "`switch`", reader.diagnostics)?;
    let of = fields.require("of", reader.diagnostics).and_then(|node| reader.optional(node, "`of`"));
    let nodes = fields.require("cases", reader.diagnostics);
    let default = fields.take("default").map(|node| Block::parse(node, "`default`", reader));
    fields.finish(reader.diagnostics);

    let nodes = nodes?;
    let Some(entries) = nodes.as_map() else {
        reader.diagnostics.push(wrong_type("`cases`", "a map of blocks", nodes));
        return None;
    };
    let mut cases: Vec<(String, usize)> = Vec::new();
    let mut blocks = Vec::new();
    for entry in entries {
        let what = format!("case `{}`", entry.key.value);
        for value in entry.key.value.split(',').map(str::trim) {
            if cases.iter().any(|(known, _)| known == value) {
                reader.diagnostics.push(
                    Diagnostic::error(SAME_CASE, format!("`{value}` stands in two cases"))
                        .at(entry.key.span, "never reached for this value"),
                );
            }
            cases.push((value.to_owned(), blocks.len()));
        }
        blocks.push(Block::parse(&entry.value, &what, reader));
    }
    let has_default = default.is_some();
    blocks.extend(default);
    let blocks: Vec<Block> = blocks.into_iter().collect::<Option<_>>()?;
    let default = has_default.then(|| blocks.len().saturating_sub(1));
    Some(Box::new(Switch { of: of?, cases, default, blocks }))
}

impl Action for Switch {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        visitor.expression(&mut self.of, Place::Condition);
        let mut shapes = self.blocks.iter_mut().map(|block| visitor.block(block));
        let first = shapes.next().unwrap_or(Shape::Any);
        let union = shapes.fold(first, |a, b| a.or(b));
        if self.default.is_some() { union } else { Shape::Optional(Box::new(union)) }
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let value = self.of.eval_or_none(scope)?;
        let text = match value.is_none() {
            true => "none".to_owned(),
            false => text_of(&value).map_err(|message| Failure::new(Class::Expression, message))?,
        };
        let found = self.cases.iter().find(|(case, _)| *case == text).map(|(_, block)| *block);
        Ok(found.or(self.default).map_or_else(|| Begun::Done(Value::from(())), Begun::Enter))
    }

    fn kind(&self) -> Kind {
        Kind::Block
    }

    fn take_blocks(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.blocks)
    }

    fn choices(&self) -> Vec<String> {
        let count = self.cases.iter().map(|(_, block)| block + 1).max().unwrap_or(0);
        let values =
            |n| self.cases.iter().filter(move |(_, block)| *block == n).map(|(value, _)| value.as_str());
        let cases = (0..count).map(|n| format!("case {}", values(n).collect::<Vec<_>>().join(", ")));
        cases.chain(self.default.map(|_| "default".to_owned())).collect()
    }
}
