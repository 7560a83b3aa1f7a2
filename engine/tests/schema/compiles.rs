use serde_json::{Value as Json, json};

use super::Written;

/// Code, the text it points at, and message of each diagnostic.
fn problems(schema: &Json) -> Vec<(String, String, String)> {
    let written = Written::new(schema);
    let (compiled, diagnostics) = written.compile();
    assert_eq!(compiled.is_none(), !diagnostics.is_empty(), "{schema}");
    let describe = |d: &pathway_engine::diagnostic::Diagnostic| {
        let place = written.sources.slice(d.labels[0].span).to_owned();
        (d.code.0.to_owned(), place, d.message.clone())
    };
    diagnostics.iter().map(describe).collect()
}

fn assert_problem(schema: &Json, code: &str, place: &str, message: &str) {
    let found = problems(schema);
    assert_eq!(found, [(code.to_owned(), place.to_owned(), message.to_owned())], "{schema}");
}

#[test]
fn a_misspelt_keyword_is_reported_at_itself() {
    let message = "`requierd` is no keyword of JSON Schema";
    assert_problem(&json!({"requierd": ["a"]}), "PW0401", "requierd", message);
    assert_problem(
        &json!({"properties": {"a": {"items": {"requierd": ["a"]}}}}),
        "PW0401",
        "requierd",
        message,
    );
    assert_problem(&json!({"anyOf": [{"$defs": {"x": {"requierd": []}}}]}), "PW0401", "requierd", message);
}

#[test]
fn names_of_properties_and_values_are_no_keywords() {
    let schema = json!({
        "title": "t", "description": "d", "examples": [{"requierd": 1}], "deprecated": true, "readOnly": false,
        "x-note": {"requierd": 1}, "default": {"requierd": {"tpye": 1}, "a": 1}, "$comment": "c",
        "properties": {"requierd": {"const": {"tpye": 1}, "enum": [{"tpye": 1}]}},
        "$defs": {"tpye": true},
        "dependentRequired": {"requierd": ["a"]},
    });
    assert_eq!(problems(&schema), []);
}

#[test]
fn keywords_of_other_drafts_are_reported() {
    assert_problem(
        &json!({"items": true, "additionalItems": false}),
        "PW0401",
        "additionalItems",
        "`additionalItems` is no keyword of draft 2020-12",
    );
    assert_problem(
        &json!({"nullable": true}),
        "PW0401",
        "nullable",
        "`nullable` is no keyword of JSON Schema",
    );
}

#[test]
fn what_a_keyword_takes_is_checked_where_it_stands() {
    assert_problem(&json!({"type": "strin"}), "PW0402", "\"strin\"", "`strin` is no type");
    assert_problem(
        &json!({"type": ["string", null]}),
        "PW0402",
        "null",
        "`type` must be a type, not nothing",
    );
    assert_problem(
        &json!({"properties": {"a": {"required": true}}}),
        "PW0402",
        "true",
        "`required` must be a list of property names, not true or false",
    );
    assert_problem(
        &json!({"minLength": -1}),
        "PW0402",
        "-1",
        "`minLength` must be a whole number that is not negative, not a number",
    );
    assert_problem(
        &json!({"multipleOf": 0}),
        "PW0402",
        "0",
        "`multipleOf` must be a number above 0, not a number",
    );
    assert_problem(&json!({"properties": {"a": 7}}), "PW0402", "7", "a schema must be a map, not a number");
    assert_problem(&json!({"anyOf": []}), "PW0402", "[]", "`anyOf` must have at least one schema");
    assert_problem(&json!({"items": [{}]}), "PW0402", "[{},]", "a schema must be a map, not a list");
    assert_problem(&json!({"format": "emali"}), "PW0406", "\"emali\"", "`emali` is no known format");
    assert_problem(
        &json!({"$schema": "https://example.com/own"}),
        "PW0408",
        "\"https://example.com/own\"",
        "`https://example.com/own` is no known draft of JSON Schema",
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let schema = json!({"tpye": "object", "properties": {"a": {"type": "strin"}, "b": {"format": "emali"}}});
    let codes: Vec<String> = problems(&schema).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["PW0401", "PW0402", "PW0406"]);
}

#[test]
fn references_stay_inside() {
    for reference in ["https://example.com/x.json", "file:///etc/passwd", "other.json#/a"] {
        let schema = json!({"properties": {"a": {"$ref": reference}}});
        let message = format!("`{reference}` refers to another schema");
        assert_problem(&schema, "PW0403", &format!("\"{reference}\""), &message);
    }
    for reference in ["#/$defs/nope", "#nope", "#/properties"] {
        let schema = json!({"properties": {"a": {"$ref": reference}}});
        assert_problem(
            &schema,
            "PW0404",
            &format!("\"{reference}\""),
            &format!("`{reference}` refers to nothing"),
        );
    }
    let schema = json!({
        "$id": "https://example.com/own.json",
        "$defs": {"a/b c": {"type": "string"}, "named": {"$anchor": "name", "type": "number"}},
        "properties": {"a": {"$ref": "#/$defs/a~1b%20c"}, "b": {"$ref": "#name"}, "c": {"$ref": "#"}},
    });
    assert_eq!(problems(&schema), []);
}

#[test]
fn references_do_not_go_round_in_a_circle() {
    assert_eq!(problems(&json!({"$ref": "#"})).len(), 1);
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}});
    let found = problems(&circle);
    assert_eq!((found.len(), found[0].0.as_str()), (1, "PW0405"));
    assert_eq!(problems(&json!({"items": {"$ref": "#"}, "properties": {"a": {"$ref": "#"}}})), []);
}

#[test]
fn schemas_that_grow_without_measure_are_refused() {
    let mut defs = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        defs.insert(format!("d{n}"), json!({"allOf": [next, next]}));
    }
    defs.insert("d40".to_owned(), json!({"type": "string"}));
    let found = problems(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
    assert_eq!((found.len(), found[0].0.as_str()), (1, "PW0410"));

    let mut defs = serde_json::Map::new();
    for n in 0..4_000 {
        defs.insert(format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)}));
    }
    defs.insert("d4000".to_owned(), json!({"type": "string"}));
    assert_eq!(problems(&json!({"$ref": "#/$defs/d0", "$defs": defs})), []);

    let many: Vec<Json> = (0..20_001).map(|_| json!({})).collect();
    assert_eq!(problems(&json!({"prefixItems": many}))[0].0, "PW0410");
}

#[test]
fn patterns_are_linear_and_bounded() {
    for pattern in ["(?=a)b", "(a)\\1", "[a", "(\\w{200}){200}"] {
        let found = problems(&json!({"pattern": pattern}));
        assert_eq!((found.len(), found[0].0.as_str()), (1, "PW0407"), "{pattern}");
        let found = problems(&json!({"patternProperties": {pattern: true}}));
        assert_eq!((found.len(), found[0].0.as_str()), (1, "PW0407"), "{pattern}");
    }
    for pattern in ["^(a+)+$", "^\\d{3}-\\d{4}$", "^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$"] {
        assert_eq!(problems(&json!({"pattern": pattern})), []);
    }
}

#[test]
fn a_default_meets_its_own_schema() {
    let schema = json!({"properties": {"a": {"type": "number", "default": "x"}}});
    assert_problem(&schema, "PW0409", "\"x\"", "this default does not meet its own schema");
    // What it lacks is filled in.
    let schema = json!({"properties": {"a": {
        "default": {}, "required": ["b"], "properties": {"b": {"default": 1}},
    }}});
    assert_eq!(problems(&schema), []);
}

#[test]
fn a_subschema_has_no_id_of_its_own() {
    let schema = json!({"$defs": {"a": {"$id": "https://example.com/a"}}});
    assert_problem(&schema, "PW0411", "$id", "`$id` may stand at the top of a schema only");
}
