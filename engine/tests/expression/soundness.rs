//! What the compiler is told is true: what a condition proves is there, and an evaluation fails
//! for undefined only at a read that is not tolerated.

use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Expression, Read, Segment, Variables};
use pathway_engine::value::from_json;
use proptest::prelude::*;

use super::{Context, text};

fn path() -> impl Strategy<Value = String> {
    let paths = ["a", "a.x", "a.x.y", "b", "b.x", "b[0]", "c", "c.x", "c['x'].z"];
    prop::sample::select(paths.to_vec()).prop_map(str::to_owned)
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => path(),
        1 => prop::sample::select(vec!["1", "0", "none", "'k'", "[]", "true", "false"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let binary = ["==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in", "+", "~", "*"];
        let after = [
            "is none", "is not none", "is defined", "is undefined", "is string", "is mapping", "is eq(1)",
            "is ne(1)", "is number", "is in([none, 1])", "is true", "is false", "is sequence", "is gt(0)",
            "| length", "| length > 0", "| default(false)", "| default(1)", "| default(none)", "| first", "| list",
            "| number(0)", "| number", "| string", "| one_of([1, 'k'], none)", "| upper", "| values", "| bool",
            "in ['k', 1]", "in ['k', none]", "[:1]", "[0]", "| pluck('y')", "| abs", "| int",
        ];
        prop_oneof![
            3 => (inner.clone(), prop::sample::select(binary.to_vec()), inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            3 => (inner.clone(), prop::sample::select(after.to_vec())).prop_map(|(a, t)| format!("({a}) {t}")),
            2 => inner.clone().prop_map(|a| format!("not ({a})")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, c, b)| format!("({a}) if ({c}) else ({b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, c)| format!("({a}) if ({c})")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, {b}]")),
        ]
    })
}

fn value() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "null",
        "0",
        "1",
        "\"k\"",
        "\"\"",
        "true",
        "false",
        "[]",
        "[1]",
        "[null]",
        "{}",
        "{\"x\": null}",
        "{\"x\": 1}",
        "{\"x\": {\"y\": 1}}",
        "{\"x\": {\"y\": null, \"z\": \"k\"}}",
        "{\"x\": [0]}",
        "[{\"y\": 2}]",
    ])
}

fn lookup(context: &Value, path: &[Segment]) -> Value {
    let mut value = context.clone();
    for segment in path {
        value = match segment {
            Segment::Key(name) => value.get_attr(name).unwrap_or_default(),
            Segment::Index(index) => value.get_item(&Value::from(*index)).unwrap_or_default(),
            Segment::Dynamic => return value,
        };
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proofs_are_true(source in condition(), a in value(), b in value(), c in value()) {
        let values = from_json(format!(r#"{{"a":{a},"b":{b},"c":{c}}}"#).as_bytes()).unwrap();
        let context = Context::from_value(&values);
        let (text, _) = text(&source);
        let Some(mut parsed) = Expression::condition(&text, &mut Diagnostics::new()) else { return Ok(()) };
        parsed.bind(&mut |read| context.bind(read));
        let Ok(outcome) = parsed.test(&context) else { return Ok(()) };
        for path in parsed.proves(outcome) {
            let found = lookup(&values, &path);
            prop_assert!(
                !found.is_undefined() && !found.is_none(),
                "{} is {} and proves {:?}, which is {:?} in {}", source, outcome, path, found, values
            );
        }
    }

    #[test]
    fn what_fails_is_not_tolerated(source in condition(), a in value(), b in value(), c in value()) {
        let values = from_json(format!(r#"{{"a":{a},"b":{b},"c":{c}}}"#).as_bytes()).unwrap();
        let context = Context::from_value(&values);
        let (text, _) = text(&source);
        let Some(mut parsed) = Expression::bare(&text, &Variables::new(), &mut Diagnostics::new()) else {
            return Ok(());
        };
        parsed.bind(&mut |read| context.bind(read));
        let Err(error) = parsed.eval(&context) else { return Ok(()) };
        // A part of a list just made, or a filter of an empty list, is not the fault of a read.
        let name = error.message.split('`').nth(1).unwrap_or("");
        let is_path = name.starts_with(['a', 'b', 'c']) && !name.contains([' ', '(', ':']);
        if is_path && error.message.contains("is undefined") {
            let at_fault =
                |read: &Read| !read.tolerated && lookup(&values, &read.path).is_undefined();
            prop_assert!(parsed.reads().iter().any(at_fault), "{}: {} in {}", source, error.message, values);
        }
    }
}
