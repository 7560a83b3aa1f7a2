//! Nothing overflows the stack, runs for ever or fills the memory, and no text makes it panic.

use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Expression, Variables};
use proptest::prelude::*;

use super::{Context, outcome, text, variables};

fn context() -> Context {
    Context::from_value(&Value::from_pairs([
        ("a", Value::from("x".repeat(1000))),
        ("n", Value::from(1_000_000_000)),
        ("l", Value::from(vec![Value::from(1); 1000])),
    ]))
}

fn refused(kind: &str, source: &str) -> String {
    outcome(kind, source, &context()).expect_err(source.get(..60).unwrap_or(source))
}

#[test]
fn depth_is_limited() {
    let deep = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(10_000), close.repeat(10_000))
    };
    for source in [
        deep("(", "a", ")"),
        deep("[", "a", "]"),
        deep("{'k': ", "a", "}"),
        deep("not ", "a", ""),
        deep("-", "1", ""),
        deep("", "a", " + a"),
        deep("", "a", ".b"),
        deep("", "a", "[0]"),
        deep("", "a", " | upper"),
        deep("", "a", " is string"),
        deep("", "a", " if a else a"),
        deep("", "a", " and a"),
        deep("", "a", " < a"),
        deep("", "a", "()"),
        deep("a[", "0", "]"),
        deep("range(", "0", ")"),
    ] {
        let said = refused("value", &source);
        assert!(said.starts_with("PW0306") || said.starts_with("PW0301"), "{said}");
        let said = refused("template", &format!("x {{{{ {source} }}}}"));
        assert!(said.starts_with("PW0306") || said.starts_with("PW0301"), "{said}");
    }
    for source in [
        deep("{% if a %}", "", "{% endif %}"),
        deep("{% for x in l %}", "", "{% endfor %}"),
        format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(10_000)),
        deep("{% filter upper %}", "", "{% endfilter %}"),
    ] {
        let said = refused("template", &source);
        assert!(said.starts_with("PW0306") || said.starts_with("PW0301"), "{said}");
    }
}

#[test]
fn what_is_long_but_not_deep_is_read() {
    let list = format!("[{}] | length", "{'k': [a, (1)]}, ".repeat(5000));
    assert_eq!(outcome("value", &list, &context()), Ok(5000.into()));
    let lines = "{% if n %}x{% endif %}{{ n > 1 }}\n".repeat(5000);
    assert!(outcome("template", &lines, &context()).is_ok());
    let sum = format!("n{}", " + 1".repeat(390));
    assert_eq!(outcome("value", &sum, &context()), Ok(1_000_000_390.into()));
}

#[test]
fn work_is_limited() {
    let many = "{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}";
    for (kind, source) in [
        ("value", "a * n"),
        ("value", "n * a"),
        ("value", "l * n"),
        ("value", "range(n)"),
        ("value", "a | replace('x', a) | replace('x', a) | replace('x', a)"),
        ("value", "a | regex_replace('x', '$0$0$0$0$0$0$0$0') | regex_replace('x?', '0123456789' * 200000)"),
        ("value", "(l * 1000) | join('0123456789' * 100)"),
        ("value", "'%0999999999d' | format(n)"),
        ("template", many),
        ("template", "{% for x in range(100000) %}{% for y in range(100000) %}{% endfor %}{% endfor %}"),
        ("template", "{% for x in range(100000) %}{{ a }}{% endfor %}"),
        ("template", &format!("{{% set x = a %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(40))),
        ("template", &format!("{{% set x = l %}}{}{{{{ x | length }}}}", "{% set x = x + x %}".repeat(40))),
    ] {
        let said = refused(kind, source);
        let told = ["too much work", "16 MiB", "more than", "too large", "too"]
            .iter()
            .any(|word| said.contains(word));
        assert!(told, "{source}: {said}");
    }
}

#[test]
fn extreme_arguments_neither_hang_nor_fill_the_memory() {
    for source in [
        "l | batch(n)",
        "l | batch(n, 0)",
        "[1] | slice(n)",
        "[1] | slice(n, 0)",
        "a | indent(n)",
        "a | truncate(n * n)",
        "a | truncate(n, a)",
        "1.5 | round(n)",
        "15 | round(-n)",
        "n ** n",
        "2.0 ** n",
        "n | fixed(n)",
        "a[::n]",
        "a[-n * n:n * n]",
        "l[n * n::-1]",
        "a | replace('', a)",
        "a | regex_find('(x{1000}){1000}' ~ '')",
        "'2024-01-01' | add(n ~ 'd')",
        "'2024-01-01' | date('%' ~ n ~ 'd')",
        "range(-n * n, n * n, n * n * 8)",
        "a | wordwrap(1)",
        "'[' * n | find_json('array')",
        "('[' * 100000) | find_json('array')",
        "('{' ~ '\"a\":' * 1) * 50000 | find_json",
        "a * 1000 | map('upper') | list | length",
        "l | map('range')",
        "-(-n * n * 9)",
    ] {
        if let Ok(value) = outcome("value", source, &context()) {
            assert!(value.to_string().len() < 40 << 20, "{source}");
        }
    }
}

#[test]
fn values_do_not_nest_without_end() {
    let mut value = Value::from(1);
    for _ in 0..200 {
        let Ok(parsed) = outcome_of("{'previous': x}", &value) else { return };
        value = parsed;
    }
    panic!("a value of 200 levels was made");
}

fn outcome_of(source: &str, x: &Value) -> Result<Value, String> {
    let (text, _) = text(source);
    let context = Context::from_value(&Value::from_pairs([("x", x.clone())]));
    let mut parsed = Expression::bare(&text, &Variables::new(), &mut Diagnostics::new()).unwrap();
    parsed.bind(&mut |read| context.bind(read));
    parsed.eval(&context).map_err(|error| error.message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "$", "${", "$${", "${NAME}", "${X:-", "}", "a", "l", "n", ".", "[", "]",
        "(", ")", "|", "upper", "if", "else", "endif", "for", "in", "endfor", "raw", "endraw", "set", "=", "==", "'", "\"",
        "\\", " ", "\n", "1", "1.5", ",", ":", "ü", "is", "not", "none", "loop", "filter", "range(3)", "*", "first",
    ]), 0..25)) {
        let source = pieces.concat();
        let (text, _) = text(&source);
        for parsed in [
            Expression::template(&text, &variables(), &mut Diagnostics::new()),
            Expression::bare(&text, &variables(), &mut Diagnostics::new()),
        ].into_iter().flatten() {
            let context = context();
            let mut parsed = parsed;
            parsed.bind(&mut |read| context.bind(read));
            let value = parsed.eval(&context);
            prop_assert!(!value.is_ok_and(|value| value.is_undefined()), "{}", source);
            let _rendered = parsed.render(&context, None);
            let _proofs = (parsed.proves(true), parsed.proves(false));
        }
    }
}
