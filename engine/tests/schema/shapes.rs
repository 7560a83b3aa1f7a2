use pathway_engine::expression::Segment;
use pathway_engine::schema::{Lookup, Shape};
use serde_json::{Value as Json, json};

use super::schema;

fn shape(written: &Json) -> Shape {
    schema(written).shape().clone()
}

/// What a path yields: `.a.b` and `[0]` as in an expression.
fn read(shape: &Shape, path: &[&str]) -> Lookup {
    path.iter().fold(Lookup::Found(shape.clone()), |found, segment| match found {
        Lookup::Found(shape) => match segment.parse() {
            Ok(index) => shape.look_up(&Segment::Index(index)),
            Err(_) => shape.look_up(&Segment::Key((*segment).to_owned())),
        },
        other => other,
    })
}

fn found(shape: &Shape, path: &[&str]) -> Shape {
    match read(shape, path) {
        Lookup::Found(shape) => shape,
        other => panic!("{path:?}: {other:?} of {shape:?}"),
    }
}

#[test]
fn listed_properties_close_an_object_for_reading() {
    let closed = shape(&json!({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}));
    assert_eq!(found(&closed, &["a"]), Shape::Scalar);
    assert_eq!(found(&closed, &["b"]), Shape::Any.optional());
    assert_eq!(read(&closed, &["c"]), Lookup::Missing(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(read(&closed, &["a", "x"]), Lookup::NoProperties);

    for open in [
        json!({"type": "object"}),
        json!({"properties": {"a": {}}, "additionalProperties": true}),
        json!({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}),
        json!({"properties": {"a": {}}, "patternProperties": {"^x": {}}}),
        json!({"properties": {"a": {}}, "allOf": [{"unevaluatedProperties": true}]}),
        json!({}),
        json!(true),
    ] {
        assert_eq!(found(&shape(&open), &["c"]), Shape::Any, "{open}");
    }
    let empty = shape(&json!({"type": "object", "additionalProperties": false}));
    assert_eq!(read(&empty, &["c"]), Lookup::Missing(vec![]));
}

#[test]
fn optional_is_what_may_be_none() {
    let shape = shape(&json!({
        "required": ["r", "n"],
        "properties": {
            "r": {"type": "string"}, "o": {"type": "string"}, "d": {"type": "string", "default": "x"},
            "n": {"type": ["string", "null"]}, "e": {"enum": ["a", null], "default": null},
        },
    }));
    let optional = |name: &str| found(&shape, &[name]).is_optional();
    assert_eq!(["r", "o", "d", "n", "e"].map(optional), [false, true, false, true, true]);
}

#[test]
fn what_stands_together_adds_up() {
    let shape = shape(&json!({
        "$defs": {"base": {"properties": {"id": {"type": "integer"}}, "required": ["id"]}},
        "allOf": [{"$ref": "#/$defs/base"}, {"required": ["name"]}],
        "properties": {"name": {"type": "string"}, "id": {}},
    }));
    assert_eq!(shape, Shape::object([("name", Shape::Scalar), ("id", Shape::Scalar)]));
}

#[test]
fn branches_are_united() {
    let shape = shape(&json!({
        "required": ["kind"],
        "properties": {"kind": {"enum": ["a", "b"]}},
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "x": {"type": "string"}, "z": {"type": "array"}}, "required": ["x", "z"]},
            {"properties": {"kind": {"const": "b"}, "y": {"type": "string"}, "z": {"type": "array"}}, "required": ["y", "z"]},
        ],
    }));
    assert_eq!(found(&shape, &["kind"]), Shape::Scalar);
    assert_eq!(found(&shape, &["x"]), Shape::Scalar.optional());
    assert_eq!(found(&shape, &["z"]), Shape::List(Box::new(Shape::Any)));
    assert!(matches!(read(&shape, &["w"]), Lookup::Missing(_)));
}

#[test]
fn branches_that_only_require_change_nothing_else() {
    let shape = shape(&json!({
        "required": ["message"], "anyOf": [{"required": ["userId"]}, {"required": ["user_id"]}],
        "properties": {"message": {"type": "string"}, "userId": {"type": "string"}, "user_id": {"type": "string"}},
    }));
    assert!(!found(&shape, &["message"]).is_optional());
    assert!(found(&shape, &["userId"]).is_optional());
    assert!(matches!(read(&shape, &["other"]), Lookup::Missing(_)));
}

#[test]
fn a_nullable_branch_makes_the_value_optional_not_its_properties() {
    let shape = shape(
        &json!({"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}]}),
    );
    assert_eq!(shape, Shape::object([("a", Shape::Scalar)]).optional());
    let mixed = super::schema(
        &json!({"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": true}, "required": ["a"]}]}),
    );
    assert_eq!(*mixed.shape(), Shape::object([("a", Shape::Any.optional())]));
}

#[test]
fn defaults_in_branches_are_not_filled_in() {
    let shape =
        shape(&json!({"type": "object", "anyOf": [{"properties": {"a": {"default": 1, "type": "number"}}}]}));
    assert!(found(&shape, &["a"]).is_optional());
}

#[test]
fn items_of_lists() {
    let list = shape(&json!({"items": {"properties": {"a": {"type": "string"}}, "required": ["a"]}}));
    assert_eq!(found(&list, &["0", "a"]), Shape::Scalar);
    assert_eq!(read(&list, &["a"]), Lookup::NoProperties);
    let tuple = shape(&json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}));
    assert_eq!(found(&tuple, &["1"]), Shape::Scalar);
}

#[test]
fn recursive_schemas_are_known_to_some_depth() {
    let shape = shape(&json!({
        "properties": {"name": {"type": "string"}, "child": {"$ref": "#"}}, "required": ["name", "child"],
    }));
    assert_eq!(found(&shape, &["child", "child", "name"]), Shape::Scalar);
    assert!(matches!(read(&shape, &["child", "nome"]), Lookup::Missing(_)));
    assert_eq!(found(&shape, &["child"; 20]), Shape::Any);
}

#[test]
fn a_schema_with_many_recursions_is_bounded() {
    let names: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
    let properties: serde_json::Map<String, Json> =
        names.iter().map(|name| (name.clone(), json!({"$ref": "#"}))).collect();
    let shape = shape(&json!({ "properties": properties }));
    assert!(found(&shape, &["p0"]).is_optional());
}

#[test]
fn what_is_read_from_a_secret_is_secret() {
    let shape = shape(&json!({
        "required": ["token", "open"],
        "properties": {
            "token": {"writeOnly": true, "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            "open": {"type": "string"},
        },
    }));
    assert!(found(&shape, &["token"]).is_secret());
    assert_eq!(found(&shape, &["token", "a"]), Shape::Scalar.secret());
    assert!(!found(&shape, &["open"]).is_secret());
    let Lookup::Found(dynamic) = found(&shape, &["token"]).look_up(&Segment::Dynamic) else { panic!() };
    assert!(dynamic.is_secret());
}

#[test]
fn a_union_of_returns_knows_what_any_of_them_has() {
    let ok = Shape::object([("ok", Shape::Scalar), ("id", Shape::Scalar)]);
    let skipped = Shape::object([("ok", Shape::Scalar), ("reason", Shape::Scalar)]);
    let union = ok.clone().or(skipped);
    assert_eq!(found(&union, &["ok"]), Shape::Scalar);
    assert_eq!(found(&union, &["reason"]), Shape::Scalar.optional());
    assert!(matches!(read(&union, &["nope"]), Lookup::Missing(_)));
    assert_eq!(Shape::Any.or(ok.clone()), Shape::Any);
    assert!(ok.clone().optional().or(ok.clone().secret()).is_secret());
    assert!(ok.clone().optional().or(ok.secret()).is_optional());
}
