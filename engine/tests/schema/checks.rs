use pathway_engine::Value;
use serde_json::{Value as Json, json};

use super::{json, schema, value};

/// Violations of `instance` as `pointer: detail`.
fn violations(written: &Json, instance: &Json) -> Vec<String> {
    let violations = schema(written).check(&value(instance)).unwrap_err();
    violations.iter().map(|v| format!("{} {}: {}", v.code, v.pointer, v.detail)).collect()
}

#[test]
fn a_value_that_passes_is_shared_not_copied() {
    let schema =
        schema(&json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "array"}}}));
    let value = value(&json!({"a": [1, 2]}));
    let checked = schema.check(&value).unwrap();
    let address = |value: &Value| {
        let members: &indexmap::IndexMap<Value, Value> = value.downcast_object_ref().unwrap();
        std::ptr::from_ref(members)
    };
    assert_eq!(address(&value), address(&checked));
}

#[test]
fn a_missing_property_is_reported_where_it_would_be() {
    let schema = json!({"required": ["amount"], "properties": {"of": {"items": {"required": ["a/b"]}}}});
    assert_eq!(
        violations(&schema, &json!({"of": [{}]})),
        ["required /amount: is required", "required /of/0/a~1b: is required"]
    );
}

#[test]
fn all_violations_are_ordered_by_pointer() {
    let schema = json!({"items": {"type": "integer"}, "maxItems": 2});
    let items: Vec<Json> = (0..11).map(|_| json!("secret")).collect();
    let found = violations(&schema, &json!(items));
    assert_eq!(found.len(), 12);
    assert_eq!(found[0], "maxItems : must have at most 2 items");
    assert_eq!(found[3], "type /2: must be a whole number");
    assert_eq!(found[11], "type /10: must be a whole number");
}

#[test]
fn details_say_what_is_wanted() {
    for (schema, instance, detail) in [
        (json!({"type": "string"}), json!(7), "must be a string"),
        (json!({"type": ["string", "null"]}), json!(7), "must be null or a string"),
        (json!({"enum": ["a", "b", 3]}), json!("x"), "must be `a`, `b` or 3"),
        (json!({"const": "a"}), json!("x"), "must be `a`"),
        (json!({"minimum": 1}), json!(0), "must be at least 1"),
        (json!({"maximum": 1.5}), json!(2), "must be at most 1.5"),
        (json!({"exclusiveMinimum": 0}), json!(0), "must be more than 0"),
        (json!({"exclusiveMaximum": 9}), json!(9), "must be less than 9"),
        (json!({"multipleOf": 5}), json!(7), "must be a multiple of 5"),
        (json!({"minLength": 1}), json!(""), "must not be empty"),
        (json!({"minLength": 3}), json!("ab"), "must have at least 3 characters"),
        (json!({"maxLength": 1}), json!("äb"), "must have at most 1 character"),
        (json!({"pattern": "^a+$"}), json!("b"), "must match the pattern `^a+$`"),
        (json!({"format": "date"}), json!("x"), "must be a date such as 2025-01-31"),
        (json!({"format": "uri"}), json!("x y"), "must be a full URL such as https://example.com/a"),
        (json!({"minItems": 1}), json!([]), "must have at least 1 item"),
        (json!({"uniqueItems": true}), json!([{"a": 1}, {"a": 1.0}]), "must not have the same item twice"),
        (json!({"contains": {"const": 1}}), json!([2]), "does not have the items that `contains` asks for"),
        (json!({"minProperties": 1}), json!({}), "must have at least 1 property"),
        (json!({"maxProperties": 0}), json!({"a": 1}), "must have at most 0 properties"),
        (json!({"not": {"type": "null"}}), json!(null), "is what the schema excludes"),
        (json!(false), json!(1), "is not allowed here"),
    ] {
        let found = violations(&schema, &instance);
        let keyword = schema.as_object().map_or("false", |map| map.keys().next().unwrap());
        assert_eq!(found, [format!("{keyword} : {detail}")]);
    }
}

#[test]
fn an_unknown_property_is_reported_at_itself() {
    let closed = json!({"properties": {"amount": {}}, "additionalProperties": false});
    let found = violations(&closed, &json!({"zzzzzz": 1, "other": 2}));
    assert_eq!(
        found,
        [
            "additionalProperties /other: is not a property of this object",
            "additionalProperties /zzzzzz: is not a property of this object",
        ]
    );
    let named = json!({"propertyNames": {"enum": ["rent"]}});
    assert_eq!(
        violations(&named, &json!({"hobby": 1})),
        ["propertyNames /hobby: has a name that must be `rent`"]
    );
}

#[test]
fn alternatives_say_what_would_satisfy_them() {
    let either = json!({"anyOf": [{"required": ["userId"]}, {"required": ["user_id"]}]});
    assert_eq!(violations(&either, &json!({})), ["anyOf : needs `userId` or `user_id`"]);

    let types = json!({"oneOf": [{"type": "string"}, {"type": "array"}]});
    assert_eq!(violations(&types, &json!(1)), ["oneOf : must be a string or an array"]);

    let nullable = json!({"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"]}]});
    assert_eq!(violations(&nullable, &json!({})), ["required /a: is required"]);

    let tagged = json!({"oneOf": [
        {"properties": {"kind": {"const": "a"}, "n": {"type": "number"}}},
        {"properties": {"kind": {"const": "b"}, "n": {"type": "string"}}},
    ]});
    assert_eq!(violations(&tagged, &json!({"kind": "b", "n": 1})), ["type /n: must be a string"]);
    assert_eq!(
        violations(&tagged, &json!({"kind": "c", "n": 1})),
        ["oneOf : matches none of the 2 forms that are allowed"]
    );
}

#[test]
fn a_violation_never_repeats_the_value() {
    let secret = "hunter2hunter2";
    let properties = json!({
        "a": {"type": "integer"}, "b": {"enum": ["x"]}, "c": {"const": 1}, "d": {"pattern": "^x"},
        "e": {"format": "email"}, "f": {"maxLength": 2}, "g": {"anyOf": [{"type": "null"}, {"const": "x"}]},
        "h": {"not": {"type": "string"}}, "i": {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        "j": {"uniqueItems": true}, "k": {"items": false}, "l": {"unevaluatedItems": false}, "m": {"contains": {"const": 1}},
    });
    let mut instance = serde_json::Map::new();
    for key in properties.as_object().unwrap().keys() {
        let list = ["j", "k", "l", "m"].contains(&key.as_str());
        instance.insert(key.clone(), if list { json!([secret, secret]) } else { json!(secret) });
    }
    let found = violations(&json!({ "properties": properties }), &Json::Object(instance));
    assert!(found.len() >= 13, "{found:#?}");
    assert!(found.iter().all(|violation| !violation.contains(secret)), "{found:#?}");
}

fn filled(written: &Json, instance: &Json) -> Json {
    json(&schema(written).check(&value(instance)).unwrap())
}

#[test]
fn missing_properties_get_their_default() {
    let written = json!({
        "type": "object",
        "required": ["category"],
        "properties": {
            "category": {"type": "string", "default": "other"},
            "data": {"type": "object", "default": {}, "properties": {"depth": {"default": 1}}},
            "lines": {"type": "array", "items": {"properties": {"n": {"default": 0}}}},
        },
        "allOf": [{"properties": {"from_all_of": {"default": true}}}],
        "anyOf": [{"properties": {"from_any_of": {"default": true}}}],
    });
    assert_eq!(
        filled(&written, &json!({"lines": [{}, {"n": 5}, "no object"]})),
        json!({
            "lines": [{"n": 0}, {"n": 5}, "no object"],
            "category": "other", "data": {"depth": 1}, "from_all_of": true,
        })
    );
    // Null is a value.
    assert_eq!(
        filled(&json!({"properties": {"a": {"default": 1}}}), &json!({"a": null})),
        json!({"a": null})
    );
}

#[test]
fn defaults_of_recursive_schemas_end() {
    let written = json!({
        "properties": {
            "name": {"default": "x"},
            "child": {"$ref": "#"},
            "next": {"$ref": "#", "default": {}},
        },
    });
    let found = filled(&written, &json!({"child": {"child": {}}}));
    assert_eq!(found["child"]["child"]["name"], "x");
    assert_eq!(found["next"]["name"], "x");
}

#[test]
fn what_expressions_yield_is_checked_as_the_json_it_stands_for() {
    let schema = schema(&json!({"type": "array", "items": {"type": "integer"}}));
    let lazy = Value::make_iterable(|| (1..4).map(Value::from));
    assert_eq!(json(&schema.check(&lazy).unwrap()), json!([1, 2, 3]));
    let texts = Value::from(vec![Value::make_iterable(|| ["a"].into_iter().map(Value::from))]);
    assert_eq!(schema.check(&texts).unwrap_err()[0].pointer, "/0");
}

#[test]
fn a_value_nested_too_deeply_is_refused() {
    let schema = schema(&json!({"items": {"$ref": "#"}}));
    let deep = (0..10_000).fold(Value::from(1), |value, _| Value::from(vec![value]));
    assert_eq!(schema.check(&deep).unwrap_err()[0].code, "depth");
    // Values this deep overflow the stack when dropped, which is not what is tested.
    std::mem::forget(deep);
}

#[test]
fn older_drafts_keep_their_rules() {
    let tuple = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "string"}], "additionalItems": false,
    });
    assert_eq!(violations(&tuple, &json!(["a", 1])), ["additionalItems : must have at most 1 item"]);
    let format = json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "format": "uuid"});
    assert_eq!(violations(&format, &json!("x")), ["format : must be a UUID"]);
}
