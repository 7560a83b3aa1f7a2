//! YAML text becomes a tree or diagnostics.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

mod bytes;
mod fixtures;
mod limits;
mod oracle;
mod properties;
mod rendering;
mod spans;

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::source::{Kind, Limits, Node, Sources, parse};
use serde_json::{Map, Value};

/// A parsed text.
struct Parsed {
    sources: Sources,
    tree: Option<Node>,
    diagnostics: Diagnostics,
}

impl Parsed {
    fn new(text: &str) -> Self {
        Self::within(text, Limits::default())
    }

    fn within(text: &str, limits: Limits) -> Self {
        let mut sources = Sources::new();
        let file = sources.add("test.yaml", text);
        let mut diagnostics = Diagnostics::new();
        let tree = parse(&sources, file, limits, &mut diagnostics);
        Self { sources, tree, diagnostics }
    }

    /// The tree of a text that must be right.
    fn sound(text: &str) -> (Sources, Node) {
        let parsed = Self::new(text);
        let problems: Vec<_> = parsed.diagnostics.iter().map(|d| (d.code.0, &d.message)).collect();
        assert!(problems.is_empty(), "{problems:?} in {text:?}");
        (parsed.sources, parsed.tree.unwrap())
    }

    fn codes(&self) -> Vec<&'static str> {
        self.diagnostics.iter().map(|d| d.code.0).collect()
    }
}

fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::from(*value),
        Kind::Int(value) => Value::from(*value),
        Kind::Float(value) => Value::from(*value),
        Kind::Text(text) => Value::from(text.value.as_str()),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => {
            let map: Map<_, _> = entries.iter().map(|e| (e.key.value.clone(), json(&e.value))).collect();
            Value::Object(map)
        }
    }
}

/// Calls `visit` for every node below and including `node`.
fn walk<'a>(node: &'a Node, visit: &mut dyn FnMut(&'a Node)) {
    visit(node);
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| walk(item, visit)),
        Kind::Map(entries) => entries.iter().for_each(|entry| walk(&entry.value, visit)),
        _ => {}
    }
}
