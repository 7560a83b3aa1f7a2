//! Templates in depth.

use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::Tree;
use pathway_engine::source::{Entry, FileId, Kind, Node, Sources, Span, Spanned, Text};
use pathway_engine::value::to_json;
use serde_yaml::Value as Yaml;

use super::{Context, variables};

/// A tree of nodes out of YAML, all at one place.
fn node(file: FileId, yaml: &Yaml) -> Node {
    let span = Span::new(file, 0, 0);
    let kind = match yaml {
        Yaml::Null => Kind::Null,
        Yaml::Bool(it) => Kind::Bool(*it),
        Yaml::Number(it) => it.as_i64().map_or_else(|| Kind::Float(it.as_f64().unwrap()), Kind::Int),
        Yaml::String(it) => Kind::Text(Text::opaque(it.as_str(), span)),
        Yaml::Sequence(items) => Kind::List(items.iter().map(|item| node(file, item)).collect()),
        Yaml::Mapping(map) => Kind::Map(
            map.iter()
                .map(|(key, value)| Entry {
                    key: Spanned::new(key.as_str().unwrap().to_owned(), span),
                    value: node(file, value),
                })
                .collect(),
        ),
        Yaml::Tagged(_) => panic!("no tags here"),
    };
    Node { span, kind }
}

fn parse(yaml: &str) -> Result<Tree, String> {
    let file = Sources::new().add("tree", yaml.to_owned());
    let mut diagnostics = Diagnostics::new();
    let parsed =
        Tree::parse(&node(file, &serde_yaml::from_str(yaml).unwrap()), &variables(), &mut diagnostics);
    parsed.ok_or_else(|| {
        diagnostics.iter().map(|d| format!("{}: {}", d.code.0, d.message)).collect::<Vec<_>>().join("; ")
    })
}

fn context() -> Context {
    Context::from_value(&Value::from_pairs([("a", Value::from(1)), ("l", Value::from(vec![1, 2]))]))
}

fn eval(yaml: &str) -> Result<String, String> {
    let mut tree = parse(yaml)?;
    let context = context();
    tree.visit_mut(&mut |expression| expression.bind(&mut |read| context.bind(read)));
    tree.eval(&context).map(|value| to_json(&value)).map_err(|error| error.message)
}

#[test]
fn values_keep_type_and_order() {
    let yaml = "{ z: '{{ a }}', y: [1, 2.0, true, null, 'n={{ a }}'], x: { w: '{{ l }}', v: '${NAME}' } }";
    assert_eq!(eval(yaml).as_deref(), Ok(r#"{"z":1,"y":[1,2.0,true,null,"n=1"],"x":{"w":[1,2],"v":"ada"}}"#));
}

#[test]
fn undefined_is_refused_in_depth() {
    assert_eq!(eval("{ a: [{ b: '{{ a.nope.x }}' }] }"), Err("`a.nope` is undefined".to_owned()));
    assert_eq!(eval("{ a: [{ b: '{{ a.nope.x or none }}' }] }").as_deref(), Ok(r#"{"a":[{"b":null}]}"#));
}

#[test]
fn what_is_not_computed_is_constant() {
    let constant = |yaml: &str| parse(yaml).unwrap().as_constant().map(to_json);
    assert_eq!(constant("{ a: [1, x], b: '{{ 1 + 1 }}' }").as_deref(), Some(r#"{"a":[1,"x"],"b":2}"#));
    assert_eq!(constant("null").as_deref(), Some("null"));
    assert_eq!(constant("{ a: [1, '{{ a }}'] }"), None);
}

#[test]
fn secrets_are_not_folded_away() {
    let tree = parse("{ a: { b: '${API_KEY}' }, c: x }").unwrap();
    assert!(tree.expressions().iter().any(|expression| expression.has_secret()));
    assert_eq!(eval("{ a: { b: '${API_KEY}' }, c: x }").as_deref(), Ok(r#"{"a":{"b":"s3cret"},"c":"x"}"#));
}

#[test]
fn keys_are_no_templates() {
    let said = parse("{ '{{ a }}': 1, '${NAME}': '{{ b + }}' }").unwrap_err();
    assert_eq!(said.matches("PW0313: a key cannot be a template").count(), 2, "{said}");
    assert!(said.contains("PW0301"), "all problems are reported at once: {said}");
}

#[test]
fn expressions_are_in_the_order_written() {
    let tree = parse("{ b: '{{ x }}', a: ['{{ y }}', { c: '{{ z }}' }], d: 1 }").unwrap();
    let names: Vec<_> = tree.expressions().iter().map(|it| format!("{:?}", it.reads()[0].path[0])).collect();
    assert_eq!(names, ["Key(\"x\")", "Key(\"y\")", "Key(\"z\")"]);
}
