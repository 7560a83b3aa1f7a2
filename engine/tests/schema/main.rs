//! Schemas through their public interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as the tests themselves do"
)]

mod bundles;
mod checks;
mod compiles;
mod conforms;
mod secrets;
mod shapes;

use pathway_engine::Value;
use pathway_engine::diagnostic::{Diagnostic, Diagnostics};
use pathway_engine::schema::Schema;
use pathway_engine::source::{Entry, FileId, Kind, Node, Sources, Span, Spanned, Text};
use serde::Deserialize;
use serde_json::Value as Json;

/// A schema as it would be read from a file that holds `json`.
struct Written {
    sources: Sources,
    node: Node,
}

impl Written {
    fn new(json: &Json) -> Self {
        let mut sources = Sources::new();
        let file = sources.add("schema.json", "");
        let mut text = String::new();
        write(json, file, &mut text);
        let mut sources = Sources::new();
        let file = sources.add("schema.json", text);
        Self { sources, node: write(json, file, &mut String::new()) }
    }

    fn compile(&self) -> (Option<Schema>, Vec<Diagnostic>) {
        let mut diagnostics = Diagnostics::new();
        let schema = Schema::compile(&self.node, &mut diagnostics);
        (schema, diagnostics.sorted())
    }
}

fn write(json: &Json, file: FileId, text: &mut String) -> Node {
    let start = text.len();
    let kind = match json {
        Json::Object(map) => {
            text.push('{');
            let entries = map
                .iter()
                .map(|(key, value)| {
                    let at = text.len();
                    text.push_str(key);
                    let key = Spanned::new(key.clone(), Span::new(file, at, text.len()));
                    text.push(':');
                    let value = write(value, file, text);
                    text.push(',');
                    Entry { key, value }
                })
                .collect();
            text.push('}');
            Kind::Map(entries)
        }
        Json::Array(items) => {
            text.push('[');
            let items = items
                .iter()
                .map(|item| {
                    let item = write(item, file, text);
                    text.push(',');
                    item
                })
                .collect();
            text.push(']');
            Kind::List(items)
        }
        scalar => {
            text.push_str(&scalar.to_string());
            match scalar {
                Json::Bool(flag) => Kind::Bool(*flag),
                Json::Number(n) => n.as_i64().map_or_else(|| Kind::Float(n.as_f64().unwrap()), Kind::Int),
                Json::String(s) => Kind::Text(Text::opaque(s, Span::new(file, start, text.len()))),
                _ => Kind::Null,
            }
        }
    };
    Node { span: Span::new(file, start, text.len()), kind }
}

fn schema(json: &Json) -> Schema {
    let (schema, problems) = Written::new(json).compile();
    schema.unwrap_or_else(|| panic!("{json}: {problems:#?}"))
}

fn value(json: &Json) -> Value {
    Value::deserialize(json).unwrap()
}

fn json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap()
}
