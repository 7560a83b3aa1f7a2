//! Random expressions in which nothing is undefined yield what minijinja's own evaluator yields,
//! or fail as there.

use minijinja::Environment;
use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Expression, Variables};
use pathway_engine::value::{from_json, to_json};
use proptest::prelude::*;

use super::{Context, text};

const CONTEXT: &str = r#"{
    "i": 7, "neg": -3, "zero": 0, "big": 9007199254740993, "max": 18446744073709551615,
    "f": 2.5, "tiny": 1e-9, "t": true, "n": null, "s": "abc", "empty": "", "long": "grüße, welt und alle darin",
    "l": [1, 2, 3], "words": ["b", "a", "ccc"], "rows": [{"k": "x", "v": 1}, {"k": "y", "v": 2}],
    "m": {"a": 1, "b": {"c": [10, 20]}}
}"#;

fn leaf() -> impl Strategy<Value = String> {
    let names = [
        "i",
        "neg",
        "zero",
        "big",
        "f",
        "tiny",
        "t",
        "n",
        "s",
        "empty",
        "long",
        "l",
        "words",
        "rows",
        "m",
        "m.a",
        "m.b",
        "m.b.c",
        "m['b'].c[1]",
        "l[0]",
        "l[-1]",
        "rows[1].k",
        "rows[0]['v']",
        "s[1]",
    ];
    let literals =
        ["0", "1", "2", "10", "3.5", "0.0", "true", "false", "none", "'a'", "'bc'", "''", "[]", "{}"];
    prop_oneof![
        prop::sample::select(names.to_vec()).prop_map(str::to_owned),
        prop::sample::select(literals.to_vec()).prop_map(str::to_owned),
    ]
}

/// What is no list: minijinja's lists may be lazy, and then differ in order from those that are not.
fn scalar() -> impl Strategy<Value = String> {
    let names = [
        "i", "neg", "zero", "big", "max", "f", "t", "n", "s", "long", "m.a", "l[0]", "1", "2.5", "'b'",
        "none",
    ];
    prop::sample::select(names.to_vec()).prop_map(str::to_owned).prop_recursive(3, 8, 2, |inner| {
        let binary = ["+", "-", "*", "/", "//", "%", "or", "and"];
        (inner.clone(), prop::sample::select(binary.to_vec()), inner)
            .prop_map(|(a, op, b)| format!("({a}) {op} ({b})"))
    })
}

fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        let binary = ["+", "-", "*", "/", "//", "%", "==", "!=", "and", "or", "in", "not in"];
        let filter = [
            "length", "upper", "first | default(1)", "last | default(1)", "reverse", "abs", "round", "int", "float", "list", 
            "title", "trim", "unique", "items", "default(1)", "replace('a', 'b')", "round(1)", "bool",
        ];
        let test = [
            "none", "defined", "string", "number", "mapping", "odd", "even", "true", "in([1, 'a'])",
            "eq(1)", "startingwith('a')", "divisibleby(2)", "integer", "float", 
        ];
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(binary.to_vec()), inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            1 => (inner.clone(), 0..4u8).prop_map(|(a, b)| format!("({a}) ** {b}")),
            1 => inner.clone().prop_map(|a| format!("not ({a})")),
            1 => inner.clone().prop_map(|a| format!("-({a})")),
            2 => (inner.clone(), prop::sample::select(filter.to_vec())).prop_map(|(a, f)| format!("({a}) | {f}")),
            2 => (inner.clone(), prop::sample::select(test.to_vec())).prop_map(|(a, t)| format!("({a}) is {t}")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, c, b)| format!("({a}) if ({c}) else ({b})")),
            1 => (scalar(), scalar(), scalar()).prop_map(|(a, b, c)| format!("({a}) < ({b}) <= ({c})")),
            2 => (scalar(), prop::sample::select(vec!["<", "<=", ">", ">="]), scalar())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            1 => (scalar(), scalar(), scalar(), prop::sample::select(vec!["sort", "min", "max"]))
                .prop_map(|(a, b, c, f)| format!("[{a}, {b}, {c}] | {f}")),
            1 => (scalar(), scalar()).prop_map(|(a, b)| format!("({a}) is lessthan({b})")),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'x': {a}, 'y': {b}}}")),
            1 => (inner, prop::option::of(-4..5i8), prop::option::of(-4..5i8), prop::option::of(-2..3i8)).prop_map(
                |(a, start, stop, step)| {
                    let show = |n: Option<i8>| n.map_or_else(String::new, |n| n.to_string());
                    format!("({a})[{}:{}:{}]", show(start), show(stop), show(step))
                }
            ),
        ]
    })
}

/// Whether JSON can hold `value`, and nothing in it is undefined.
fn is_plain(value: &Value) -> bool {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::Undefined | ValueKind::Invalid => false,
        ValueKind::Number if value.is_integer() => {
            i64::try_from(value.clone()).is_ok() || u64::try_from(value.clone()).is_ok()
        }
        ValueKind::Number => f64::try_from(value.clone()).is_ok_and(f64::is_finite),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter().unwrap().all(|item| is_plain(&item)),
        ValueKind::Map => {
            value.as_object().unwrap().try_iter_pairs().unwrap().all(|(_, item)| is_plain(&item))
        }
        _ => true,
    }
}

fn ours(source: &str, context: &Context) -> Result<String, String> {
    let (text, _) = text(source);
    let mut diagnostics = Diagnostics::new();
    let Some(mut parsed) = Expression::bare(&text, &Variables::new(), &mut diagnostics) else {
        return Err(diagnostics.iter().map(|d| format!("{} {:?}", d.message, d.labels)).collect());
    };
    parsed.bind(&mut |read| context.bind(read));
    parsed.eval(context).map(|value| to_json(&value)).map_err(|error| error.message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_minijinja(source in expression()) {
        let context = Context::from_value(&from_json(CONTEXT.as_bytes()).unwrap());
        let mut environment = Environment::new();
        environment.set_fuel(Some(1_000_000));
        let theirs = environment
            .compile_expression(&source)
            .and_then(|compiled| compiled.eval(from_json(CONTEXT.as_bytes()).unwrap()));
        let ours = ours(&source, &context);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, to_json(&theirs), "{}", source),
            (Err(_), Err(_)) => {}
            // Numbers that JSON cannot hold are refused here, as soon as they arise, and so is undefined.
            (Err(said), Ok(theirs)) => prop_assert!(
                !is_plain(&theirs)
                    || ["too large", "undefined"].iter().any(|word| said.contains(word)),
                "{}: {} but {}", source, said, theirs
            ),
            (Ok(ours), Err(error)) => prop_assert!(false, "{}: {} but {}", source, ours, error),
        }
    }
}
