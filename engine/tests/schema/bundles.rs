//! A schema in another document says what it said in its own.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::conforms::{any_json, any_schema};
use super::schema;

/// The document that a bundle is part of, which refers to its root.
fn document(written: &Json) -> Json {
    let bundle = schema(written).bundle("#/parts/", "it");
    json!({ "$ref": "#/parts/it", "parts": bundle })
}

#[track_caller]
fn same(written: &Json, instances: &[Json]) {
    let (own, bundled) = (jsonschema::validator_for(written).unwrap(), document(written));
    let other = jsonschema::draft202012::new(&bundled).unwrap();
    for instance in instances {
        assert_eq!(own.is_valid(instance), other.is_valid(instance), "{written}\n{bundled}\n{instance}");
    }
}

#[test]
fn references_lead_to_parts_of_the_document() {
    let written = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.test/tree",
        "type": "object",
        "properties": {
            "left": { "$ref": "#" },
            "right": { "$ref": "#/$defs/a~1b" },
            "last": { "$ref": "#leaf" },
            "like": { "$ref": "#/properties/enum" },
            "enum": { "enum": [{ "$ref": "#/$defs/data" }], "examples": [{ "$anchor": "x" }] }
        },
        "required": ["last"],
        "$defs": {
            "a/b": { "type": "integer" },
            "leaf": { "$anchor": "leaf", "anyOf": [{ "$ref": "#/$defs/a~1b" }, { "type": "string" }] },
            "unused": {}
        }
    });
    let bundle = schema(&written).bundle("#/components/schemas/", "tree");
    let names: Vec<_> = bundle.keys().map(String::as_str).collect();
    assert_eq!(names.first(), Some(&"tree"));
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["tree", "tree.a_1b", "tree.enum", "tree.leaf"]);
    let at = |property: &str| &bundle["tree"]["properties"][property];
    assert_eq!(at("left"), &json!({ "$ref": "#/components/schemas/tree" }));
    assert_eq!(at("right"), &json!({ "$ref": "#/components/schemas/tree.a_1b" }));
    assert_eq!(at("last"), &json!({ "$ref": "#/components/schemas/tree.leaf" }));
    // What is data stays as it is.
    assert_eq!(at("enum")["enum"][0], json!({ "$ref": "#/$defs/data" }));
    assert_eq!(at("enum")["examples"], json!([{ "$anchor": "x" }]));
    let text = serde_json::to_string(&bundle["tree"]).unwrap();
    assert!(!text.contains("$id") && !text.contains("$schema"), "{text}");
    same(
        &written,
        &[json!({ "last": 1 }), json!({ "last": true }), json!({ "last": "", "left": {} }), json!({})],
    );
}

#[test]
fn names_are_different_ones() {
    let written = json!({
        "properties": { "a": { "$ref": "#/$defs/one/$defs/x" }, "b": { "$ref": "#/$defs/x" } },
        "$defs": { "x": { "type": "integer" }, "one": { "$defs": { "x": { "type": "string" } } } }
    });
    same(&written, &[json!({ "a": "", "b": 1 }), json!({ "a": 1, "b": 1 }), json!({ "a": "", "b": "" })]);
}

#[test]
fn older_drafts_are_translated() {
    let seven = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": { "n": { "type": "integer" } },
        "properties": {
            "list": { "items": [{ "$ref": "#/definitions/n", "type": "string" }], "additionalItems": false },
            "open": { "items": [true], "minItems": 1 },
            "other": { "items": { "type": "integer" }, "additionalItems": false }
        },
        "dependencies": { "list": ["open"], "other": { "required": ["list"] } }
    });
    let lists = [json!([1]), json!(["1"]), json!([1, 2]), json!([])];
    let mut instances = vec![json!({ "list": [1] }), json!({ "other": [1] })];
    for list in &lists {
        for open in &lists {
            instances.push(json!({ "list": list, "open": open }));
            instances.push(json!({ "list": list, "open": open, "other": open }));
        }
    }
    same(&seven, &instances);
    let four = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "https://example.test/four",
        "minimum": 1, "exclusiveMinimum": true, "maximum": 3, "exclusiveMaximum": false
    });
    same(&four, &[json!(1), json!(1.5), json!(3), json!(4), json!("")]);
}

proptest! {
    #[test]
    fn the_verdict_is_the_same(written in any_schema(), instances in prop::collection::vec(any_json(), 1..6)) {
        same(&as_read(&written), &instances.iter().map(as_read).collect::<Vec<_>>());
    }
}

/// Whole numbers beyond 64 bits with a sign are read as numbers with a fraction.
fn as_read(json: &Json) -> Json {
    match json {
        Json::Number(number) if number.as_i64().is_none() => json!(number.as_f64()),
        Json::Array(items) => items.iter().map(as_read).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), as_read(value))).collect(),
        _ => json.clone(),
    }
}
