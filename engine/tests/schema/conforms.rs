//! What is checked in place is checked as its JSON would be.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{json, schema, value};

pub(super) fn any_json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..3).prop_map(Json::from),
        prop_oneof![Just(0.0), Just(1.0), Just(0.5), Just(1e300)].prop_map(|n: f64| json!(n)),
        prop_oneof![Just(u64::MAX), Just(i64::MAX as u64)].prop_map(Json::from),
        "[abä]{0,3}".prop_map(Json::from),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

pub(super) fn any_schema() -> impl Strategy<Value = Json> {
    let types =
        prop::sample::select(vec!["null", "boolean", "integer", "number", "string", "array", "object"]);
    let leaf = prop_oneof![
        types.prop_map(|name| json!({ "type": name })),
        any_json().prop_map(|value| json!({ "const": value })),
        prop::collection::vec(any_json(), 1..4).prop_map(|values| json!({ "enum": values })),
        (-2i64..3).prop_map(|n| json!({ "minimum": n })),
        (1i64..3).prop_map(|n| json!({ "multipleOf": n })),
        (0u64..3).prop_map(|n| json!({"minLength": n, "maxLength": n + 1})),
        (0u64..3).prop_map(|n| json!({"minItems": n, "maxProperties": n})),
        Just(json!({"uniqueItems": true})),
        "[ab]".prop_map(|text| json!({ "pattern": text })),
        Just(json!({"required": ["a"]})),
        Just(json!({"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}})),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..3);
        let named = prop::collection::btree_map("[a-c]", inner.clone(), 0..3);
        prop_oneof![
            several().prop_map(|all| json!({ "allOf": all })),
            several().prop_map(|any| json!({ "anyOf": any })),
            several().prop_map(|one| json!({ "oneOf": one })),
            inner.clone().prop_map(|not| json!({ "not": not })),
            inner.clone().prop_map(|items| json!({ "items": items })),
            inner.clone().prop_map(|names| json!({ "propertyNames": names })),
            inner.clone().prop_map(|some| json!({ "contains": some })),
            (named, any::<bool>()).prop_map(|(properties, open)| {
                json!({"properties": properties, "additionalProperties": open})
            }),
            several().prop_map(|first| json!({"prefixItems": first, "unevaluatedItems": false})),
        ]
    })
}

/// What is written, as YAML has it: a whole number past 64 bits with a sign is a float.
fn as_read(written: &Json) -> Json {
    match written {
        Json::Number(n) if n.as_i64().is_none() => json!(n.as_f64()),
        Json::Array(items) => items.iter().map(as_read).collect(),
        Json::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), as_read(member))).collect()
        }
        scalar => scalar.clone(),
    }
}

/// Seldom is one value both in the schema and checked by it.
#[test]
fn a_whole_number_past_64_bits_is_a_float_where_it_is_written() {
    let large = json!({ "a": u64::MAX });
    let float = json!({ "a": u64::MAX as f64 });
    for keyword in [json!({ "const": large }), json!({ "enum": [large] })] {
        let schema = schema(&keyword);
        assert!(schema.check(&value(&float)).is_ok(), "{keyword}");
        assert!(schema.check(&value(&large)).is_err(), "{keyword}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_verdict_is_that_of_plain_json(written in any_schema(), instances in prop::collection::vec(any_json(), 1..6)) {
        let ours = schema(&written);
        let theirs = jsonschema::validator_for(&as_read(&written)).unwrap();
        for instance in instances {
            let verdict = ours.check(&value(&instance));
            prop_assert_eq!(verdict.is_ok(), theirs.is_valid(&instance), "{} {}", written, instance);
            match verdict {
                Ok(checked) => prop_assert_eq!(json(&checked), instance),
                Err(violations) => prop_assert!(!violations.is_empty()),
            }
        }
    }
}
