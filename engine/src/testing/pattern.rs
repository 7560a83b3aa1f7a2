//! What a value is to look like: values that it must hold, and what of it is left open.
//!
//! A map is a part of what comes; a list has the same length; numbers are equal by value. A map with
//! keys that begin with `$` says what must hold of a value instead of what it is.

mod rule;

use std::cmp::Ordering;

use serde_json::{Map, Number, Value as Json};

pub(crate) use self::rule::MATCHERS;
use self::rule::Rule;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::document::list;
use crate::source::{Kind, Node, Span};

const BAD_MATCHER: Code = Code("PW0826");

/// What a value is to look like.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) span: Span,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Scalar(Json),
    List(Vec<Pattern>),
    Map(Vec<(String, Pattern)>),
    Rules(Vec<Rule>),
}

/// A place at which a value is another than expected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mismatch {
    pub(super) span: Span,
    pub(super) path: String,
    pub(super) expected: Json,
    /// None: there is nothing.
    pub(super) came: Option<Json>,
    pub(super) help: Option<String>,
}

impl Pattern {
    /// Reads one.
    pub(super) fn parse(node: &Node, diagnostics: &mut Diagnostics) -> Self {
        let form = match &node.kind {
            Kind::List(items) => {
                Form::List(items.iter().map(|item| Self::parse(item, diagnostics)).collect())
            }
            Kind::Map(entries) if entries.iter().any(|entry| entry.key.value.starts_with('$')) => {
                let rules = entries.iter().filter_map(|entry| {
                    let Some(rule) = Rule::parse(&entry.key.value, &entry.value, diagnostics) else {
                        diagnostics.push(
                            Diagnostic::error(
                                BAD_MATCHER,
                                format!("there is no matcher `{}`", entry.key.value),
                            )
                            .at(entry.key.span, "unknown matcher")
                            .help(format!(
                                "use {}, or `$exactly` for a map that has such keys",
                                list(&matchers())
                            ))
                            .suggest(&entry.key.value, matchers()),
                        );
                        return None;
                    };
                    rule
                });
                Form::Rules(rules.collect())
            }
            Kind::Map(entries) => Form::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.value.clone(), Self::parse(&entry.value, diagnostics)))
                    .collect(),
            ),
            _ => Form::Scalar(node.to_json()),
        };
        Self { span: node.span, form }
    }

    /// The value itself, for text and the like.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.form {
            Form::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// Whether it is about one text.
    pub(super) fn is_of_text(&self) -> bool {
        match &self.form {
            Form::Rules(rules) => rules.iter().any(Rule::is_of_text),
            _ => self.as_str().is_some(),
        }
    }

    /// Its items, if it is a list.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.form {
            Form::List(items) => Some(items),
            _ => None,
        }
    }

    /// As it was written.
    pub(super) fn shown(&self) -> Json {
        match &self.form {
            Form::Scalar(value) => value.clone(),
            Form::List(items) => items.iter().map(Self::shown).collect(),
            Form::Map(entries) => {
                Json::Object(entries.iter().map(|(name, item)| (name.clone(), item.shown())).collect())
            }
            Form::Rules(rules) => Json::Object(rules.iter().map(Rule::shown).collect::<Map<_, _>>()),
        }
    }

    /// Whether a value looks like that.
    pub(super) fn is_met_by(&self, value: &Json) -> bool {
        let mut found = Vec::new();
        self.compare("", Some(value), &mut found);
        found.is_empty()
    }

    /// Adds what is another than expected in `came`, which stands at `path`.
    pub(super) fn compare(&self, path: &str, came: Option<&Json>, found: &mut Vec<Mismatch>) {
        let mut differ =
            |span: Span, path: &str, expected: Json, came: Option<&Json>, help: Option<String>| {
                let path = path.to_owned();
                found.push(Mismatch { span, path, expected, came: came.cloned(), help });
            };
        match (&self.form, came) {
            (Form::Rules(rules), came) => {
                for rule in rules.iter().filter(|rule| !rule.holds(came)) {
                    let shown = Json::Object(Map::from_iter([rule.shown()]));
                    differ(self.span, path, shown, came, None);
                }
            }
            (Form::Scalar(expected), Some(came)) if same(expected, came) => {}
            (Form::List(items), Some(Json::Array(list))) if items.len() == list.len() => {
                for ((item, came), n) in items.iter().zip(list).zip(0..) {
                    item.compare(&format!("{path}[{n}]"), Some(came), found);
                }
            }
            (Form::Map(entries), Some(Json::Object(map))) => {
                for (name, pattern) in entries {
                    let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    let value = map.get(name);
                    let before = found.len();
                    pattern.compare(&inner, value, found);
                    let close = did_you_mean(name, map.keys().map(String::as_str));
                    if let (None, Some(close), Some(last)) = (value, close, found.get_mut(before)) {
                        last.help = Some(format!("there is `{close}`"));
                    }
                }
            }
            (_, came) => {
                let help = match (&self.form, came) {
                    (Form::List(items), Some(Json::Array(list))) => Some(format!(
                        "a list has the length that is expected: {}, not {}",
                        items.len(),
                        list.len()
                    )),
                    (Form::Scalar(Json::String(text)), Some(Json::Number(n))) if *text == n.to_string() => {
                        Some("one is text, the other a number".to_owned())
                    }
                    (Form::Scalar(Json::Number(n)), Some(Json::String(text))) if *text == n.to_string() => {
                        Some("one is a number, the other text".to_owned())
                    }
                    _ => None,
                };
                differ(self.span, path, self.shown(), came, help);
            }
        }
    }
}

fn matchers() -> Vec<&'static str> {
    MATCHERS.fields.iter().map(|field| field.name).collect()
}

/// Whether two scalars are equal; numbers are so by value.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x == y || order(x, y) == Some(Ordering::Equal),
        _ => a == b,
    }
}

/// Which of two numbers is more: whole ones to the last digit.
fn order(a: &Number, b: &Number) -> Option<Ordering> {
    let whole = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Whether two values are equal in all their parts.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(name, x)| y.get(name).is_some_and(|y| equal(x, y)))
        }
        _ => same(a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Limits, Sources, parse};

    fn differences(pattern: &str, value: &Json) -> Vec<String> {
        let mut sources = Sources::new();
        let file = sources.add("p.yaml", pattern);
        let mut diagnostics = Diagnostics::new();
        let node = parse(&sources, file, Limits::default(), &mut diagnostics).unwrap();
        let pattern = Pattern::parse(&node, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let mut found = Vec::new();
        pattern.compare("", Some(value), &mut found);
        found.into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn maps_are_parts_and_lists_are_whole() {
        use serde_json::json;
        let value = json!({"a": 1, "b": [1, {"c": 2, "d": 3}], "t": "hello", "n": null});
        let none: [&str; 0] = [];
        for right in ["{ a: 1.0 }", "{ b: [1, { c: 2 }] }", "{ n: null }", "{ x: { $absent: true } }"] {
            assert_eq!(differences(right, &value), none, "{right}");
        }
        for (wrong, at) in [
            ("{ a: 2 }", "a"),
            ("{ a: '1' }", "a"),
            ("{ b: [1] }", "b"),
            ("{ b: [1, { c: 3 }] }", "b[1].c"),
            ("{ x: null }", "x"),
            ("{ a: { $absent: true } }", "a"),
            ("{ b: { $exactly: [1, { c: 2 }] } }", "b"),
        ] {
            assert_eq!(differences(wrong, &value), [at], "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_are_compared_to_the_last_digit() {
        let (large, next) = (9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64);
        for (a, b) in [(large, next), (u64::MAX / 2 - 1, u64::MAX / 2)] {
            assert_eq!(differences(&format!("{{ n: {a} }}"), &serde_json::json!({ "n": a })).len(), 0);
            for pattern in [
                format!("{{ n: {b} }}"),
                format!("{{ n: {{ $exactly: {b} }} }}"),
                format!("{{ n: {{ $at_least: {b} }} }}"),
            ] {
                assert_eq!(differences(&pattern, &serde_json::json!({ "n": a })), ["n"], "{pattern}");
            }
        }
    }

    #[test]
    fn matchers_say_what_holds() {
        use serde_json::json;
        let value = json!({"t": "hello", "l": [1, {"a": 2}], "n": 5});
        for (right, wrong) in [
            ("{ t: { $contains: ell } }", "{ t: { $contains: elk } }"),
            ("{ l: { $contains: { a: 2 } } }", "{ l: { $contains: { a: 3 } } }"),
            ("{ t: { $matches: '^h.*o$' } }", "{ t: { $matches: '^e' } }"),
            ("{ l: { $length: 2 } }", "{ l: { $length: 3 } }"),
            ("{ n: { $at_least: 5, $at_most: 5 } }", "{ n: { $at_least: 6 } }"),
            ("{ l: { $exactly: [1, { a: 2 }] } }", "{ n: { $at_most: 4 } }"),
            ("{ t: { $any: true } }", "{ x: { $any: true } }"),
        ] {
            assert_eq!(differences(right, &value).len(), 0, "{right}");
            assert_eq!(differences(wrong, &value).len(), 1, "{wrong}");
        }
    }
}
