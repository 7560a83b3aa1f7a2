//! `writeOnly`: which parts of a value are secret.

use serde_json::Value as Json;

use super::instance::{Items, Members};
use super::survey::join;
use super::tree::{Keywords, Reach, Tree};
use crate::Value;

/// What a mask shows.
const MASK: &str = "********";

/// Replaces the secret parts of `value` by what `replace` makes of them; a part counts as
/// secret if any subschema that may hold of it says so.
pub(super) fn replace(tree: &Tree, value: &Value, replace: &mut dyn FnMut(&Value) -> Value) -> Value {
    at(tree, &tree.gather([tree.root()], Reach::Possible), value, replace)
}

/// The value that stands in for a secret.
pub(super) fn mask(_: &Value) -> Value {
    Value::from(MASK)
}

fn at(tree: &Tree, schemas: &[&Keywords], value: &Value, replace: &mut dyn FnMut(&Value) -> Value) -> Value {
    if schemas.iter().any(|schema| is_secret(schema)) {
        return replace(value);
    }
    if schemas.is_empty() {
        return value.clone();
    }
    if let Some(members) = value.downcast_object_ref::<Members>() {
        let masked = members.iter().map(|(key, member)| {
            let below = of_member(tree, schemas, key.as_str().unwrap_or_default());
            (key.clone(), at(tree, &below, member, replace))
        });
        return Value::from(masked.collect::<Members>());
    }
    if let Some(items) = value.downcast_object_ref::<Items>() {
        let below = of_items(tree, schemas);
        return Value::from(items.iter().map(|item| at(tree, &below, item, replace)).collect::<Items>());
    }
    value.clone()
}

fn is_secret(schema: &Keywords) -> bool {
    schema.get("writeOnly") == Some(&Json::Bool(true))
}

fn of_member<'t>(tree: &'t Tree, schemas: &[&'t Keywords], name: &str) -> Vec<&'t Keywords> {
    let mut below = Vec::new();
    for schema in schemas {
        match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(property) => below.push(property),
            None => below.extend(
                ["additionalProperties", "unevaluatedProperties"].iter().filter_map(|key| schema.get(*key)),
            ),
        }
        // Whether the name matches is not looked at: rather a part too many is hidden.
        below.extend(
            schema
                .get("patternProperties")
                .and_then(Json::as_object)
                .into_iter()
                .flat_map(|map| map.values()),
        );
    }
    tree.gather(below, Reach::Possible)
}

fn of_items<'t>(tree: &'t Tree, schemas: &[&'t Keywords]) -> Vec<&'t Keywords> {
    let mut below = Vec::new();
    for schema in schemas {
        for key in ["items", "prefixItems", "additionalItems", "unevaluatedItems", "contains"] {
            match schema.get(key) {
                Some(Json::Array(items)) => below.extend(items),
                other => below.extend(other),
            }
        }
    }
    tree.gather(below, Reach::Possible)
}

/// Pointers to all that is secret, `*` standing for every item or every name that is not
/// listed. Of a recursive schema, the first turn.
pub(super) fn pointers(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![(String::new(), tree.gather([tree.root()], Reach::Possible))];
    while let Some((pointer, schemas)) = open.pop() {
        if schemas.iter().any(|schema| is_secret(schema)) {
            found.push(pointer);
            continue;
        }
        if schemas.is_empty()
            || !seen.insert(schemas.iter().map(|schema| std::ptr::from_ref(*schema)).collect::<Vec<_>>())
        {
            continue;
        }
        let names = schemas.iter().filter_map(|schema| schema.get("properties")?.as_object());
        for name in names.flat_map(|properties| properties.keys()) {
            open.push((join(&pointer, name), of_member(tree, &schemas, name)));
        }
        let mut others = of_items(tree, &schemas);
        for schema in &schemas {
            let schemas =
                ["additionalProperties", "unevaluatedProperties"].iter().filter_map(|key| schema.get(*key));
            let patterns = schema
                .get("patternProperties")
                .and_then(Json::as_object)
                .into_iter()
                .flat_map(|map| map.values());
            others.extend(tree.gather(schemas.chain(patterns), Reach::Possible));
        }
        open.push((join(&pointer, "*"), others));
    }
    found.sort();
    found.dedup();
    found
}
