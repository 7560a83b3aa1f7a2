use serde_json::json;

use super::{json, schema, value};

#[test]
fn secrets_are_found_and_masked() {
    let schema = schema(&json!({
        "$defs": {"card": {"properties": {"number": {"writeOnly": true}, "next": {"$ref": "#/$defs/card"}}}},
        "properties": {
            "token": {"type": "string", "writeOnly": true},
            "cards": {"items": {"$ref": "#/$defs/card"}},
            "maybe": {"anyOf": [{"type": "string", "writeOnly": true}, {"type": "number"}]},
            "extra": {"additionalProperties": {"writeOnly": true}},
            "a/b": {"allOf": [{"writeOnly": true}]},
        },
    }));
    assert_eq!(schema.secrets(), ["/a~1b", "/cards/*/number", "/extra/*", "/maybe", "/token"]);
    let masked = schema.mask(&value(&json!({
        "token": {"even": "an object"}, "user": "u", "a/b": 1, "maybe": 7,
        "cards": [{"number": 1, "next": {"number": 2, "next": {"number": 3}}}, "odd"],
        "extra": {"x": 1},
    })));
    let mask = "********";
    assert_eq!(
        json(&masked),
        json!({
            "token": mask, "user": "u", "a/b": mask, "maybe": mask,
            "cards": [{"number": mask, "next": {"number": mask, "next": {"number": mask}}}, "odd"],
            "extra": {"x": mask},
        })
    );
}

#[test]
fn without_secrets_nothing_changes() {
    let schema = schema(&json!({"properties": {"a": {"writeOnly": false}}}));
    assert!(schema.secrets().is_empty());
    assert_eq!(json(&schema.mask(&value(&json!({"a": 1})))), json!({"a": 1}));
}
