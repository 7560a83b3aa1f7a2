//! What a door says, as far as its form tells.

use pathway_engine::document::Form;
use pathway_engine::expression::Tree;
use pathway_engine::value;
use serde_json::{Map, Value as Json, json};

use super::reference;

/// An event of a stream that says `form` of a run, whose return looks like `output`.
pub(super) fn event(form: &Form, output: Json) -> Json {
    let emitted = form.emit.as_ref().map_or_else(|| json!({}), said);
    let done = form.done.as_ref().map_or(output, said);
    let error = form.error.as_ref().map_or_else(|| reference("schemas", "Problem"), said);
    let titled = |title: &str, schema: Json| match schema {
        Json::Object(mut keywords) => {
            keywords.insert("title".to_owned(), title.into());
            Json::Object(keywords)
        }
        other => other,
    };
    let description = "The data of an event, which is JSON. The last is `done` or `error`; an event called \
                       `reset` says that those before it are void";
    json!({
        "description": description,
        "anyOf": [titled("emitted", emitted), titled("done", done), titled("error", error)],
    })
}

/// What a tree yields: of what is computed nothing is known.
fn said(tree: &Tree) -> Json {
    if let Some(constant) = tree.as_constant() {
        return json!({ "const": value::to_serde(constant) });
    }
    if let Some(entries) = tree.as_map() {
        let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
        let properties: Map<_, _> = entries.iter().map(|(name, tree)| (name.clone(), said(tree))).collect();
        return json!({ "type": "object", "required": names, "properties": properties });
    }
    match tree.as_list() {
        Some(items) => {
            json!({ "type": "array", "prefixItems": items.iter().map(said).collect::<Vec<_>>() })
        }
        None => json!({}),
    }
}
