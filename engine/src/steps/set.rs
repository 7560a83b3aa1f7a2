//! `set`: values computed in order.

use super::{Action, Begun, Place, Spec, Visitor};
use crate::Value;
use crate::document::{Reader, scalar};
use crate::expression::{Now, Scope, Slot, Tree};
use crate::reference::Takes;
use crate::schema::Shape;
use crate::source::{Kind, Node, Spanned};
use crate::value::{MapBuilder, too_deep};
use crate::vm::Failure;

/// `set`.
pub(super) static SPEC: Spec = Spec {
    name: "set",
    summary: "computes values in order; each sees those above it by bare name",
    output: "the values, as a map; of `set: \"{{ … }}\"` the value itself",
    takes: Takes::Template,
    beside: &[],
    example: r#"steps:
  total: { set: { net: "{{ input.price * input.count }}", gross: "{{ net * 1.5 }}" } }
return: "{{ steps.total.gross }}"
# input: {price: 5, count: 2}
# returns: 15.0
"#,
    parse,
};

#[derive(Debug)]
enum Set {
    /// `set: "{{ … }}"`
    One(Tree),
    /// `set: {a: …, b: …}`
    Map(Vec<(Spanned<String>, Tree)>),
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let node = step.get(SPEC.name)?;
    let set = match &node.kind {
        Kind::Map(entries) => {
            let mut values = Vec::with_capacity(entries.len());
            for entry in entries {
                let named = scalar::key_name(&entry.key, reader.diagnostics);
                let tree = reader.tree(&entry.value);
                if let (true, Some(tree)) = (named, tree) {
                    values.push((entry.key.clone(), tree));
                }
            }
            (values.len() == entries.len()).then_some(Set::Map(values))?
        }
        _ => Set::One(reader.tree(node)?),
    };
    Some(Box::new(set))
}

impl Action for Set {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        match self {
            Self::One(tree) => visitor.tree(tree, Place::Value),
            Self::Map(values) => {
                let mut properties = indexmap::IndexMap::new();
                for (name, tree) in values {
                    let shape = visitor.tree(tree, Place::Value);
                    visitor.local(name, shape.clone());
                    properties.insert(name.value.clone(), shape);
                }
                Shape::Object { properties, open: false }
            }
        }
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        match self {
            Self::One(tree) => Ok(Begun::Done(tree.eval(scope)?)),
            Self::Map(values) => {
                let mut locals = WithLocals { scope, values: Vec::with_capacity(values.len()) };
                for (_, tree) in values {
                    let value = tree.eval(&locals)?;
                    locals.values.push(value);
                }
                let mut map = MapBuilder::with_capacity(values.len());
                for ((name, _), value) in values.iter().zip(locals.values) {
                    map.insert(Value::from(name.value.as_str()), value);
                }
                let value = map.finish();
                if too_deep(&value) {
                    return Err(Failure::too_large());
                }
                Ok(Begun::Done(value))
            }
        }
    }
}

/// The step's scope and the values computed so far.
struct WithLocals<'a> {
    scope: &'a dyn Scope,
    values: Vec<Value>,
}

impl Scope for WithLocals<'_> {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Local(n) => self.values.get(n as usize).cloned().unwrap_or_default(),
            other => self.scope.get(other),
        }
    }

    fn now(&self) -> Now {
        self.scope.now()
    }

    fn uuid(&self, n: u32) -> String {
        self.scope.uuid(n)
    }
}
