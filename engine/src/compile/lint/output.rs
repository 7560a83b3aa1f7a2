//! Returns that cannot match what the pathway says it returns.

use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::Tree;
use crate::schema::Schema;
use crate::source::Span;
use crate::value;

const NO_MATCH: Code = Code("PW0808");

/// How deep a return is followed, and how many references.
const MAX_DEPTH: usize = 32;

pub(super) fn check(tree: &Tree, schema: &Schema, found: &mut Diagnostics) {
    let mut judge = Judge { root: schema.json(), found };
    judge.tree(tree, schema.json(), "", 0);
}

struct Judge<'a> {
    root: &'a Json,
    found: &'a mut Diagnostics,
}

impl<'a> Judge<'a> {
    fn tree(&mut self, tree: &Tree, schema: &'a Json, pointer: &str, depth: usize) {
        let Some(schema) = self.resolve(schema).filter(|_| depth < MAX_DEPTH) else { return };
        let known = Known::of(tree);
        if let Some(problem) = known.conflict(schema) {
            self.report(tree.span(), pointer, problem);
            return;
        }
        if let Known::Constant(json) = known {
            self.constant(&json, tree.span(), schema, pointer, depth);
            return;
        }
        for (key, tree) in tree.as_map().unwrap_or_default() {
            if let Some(inner) = schema.get("properties").and_then(|properties| properties.get(key)) {
                self.tree(tree, inner, &format!("{pointer}/{key}"), depth + 1);
            }
        }
        if let Some(inner) = schema.get("items").filter(|_| schema.get("prefixItems").is_none()) {
            for (n, tree) in tree.as_list().unwrap_or_default().iter().enumerate() {
                self.tree(tree, inner, &format!("{pointer}/{n}"), depth + 1);
            }
        }
    }

    /// The parts of a constant, which has no places of its own.
    fn constant(&mut self, json: &Json, span: Span, schema: &'a Json, pointer: &str, depth: usize) {
        let Some(schema) = self.resolve(schema).filter(|_| depth < MAX_DEPTH) else { return };
        if let Some(problem) = Known::Constant(json.clone()).conflict(schema) {
            self.report(span, pointer, problem);
            return;
        }
        for (key, json) in json.as_object().into_iter().flatten() {
            if let Some(inner) = schema.get("properties").and_then(|properties| properties.get(key)) {
                self.constant(json, span, inner, &format!("{pointer}/{key}"), depth + 1);
            }
        }
        if let Some(inner) = schema.get("items").filter(|_| schema.get("prefixItems").is_none()) {
            for (n, json) in json.as_array().into_iter().flatten().enumerate() {
                self.constant(json, span, inner, &format!("{pointer}/{n}"), depth + 1);
            }
        }
    }

    fn report(&mut self, span: Span, pointer: &str, problem: String) {
        let place = if pointer.is_empty() { String::new() } else { format!(" at `{pointer}`") };
        self.found.push(
            Diagnostic::warning(NO_MATCH, format!("the return cannot match `output`{place}"))
                .at(span, problem)
                .help("return what `output` says, or say in it what is returned"),
        );
    }

    /// Where a schema only refers to another, that.
    fn resolve(&self, schema: &'a Json) -> Option<&'a Json> {
        let mut at = schema;
        for _ in 0..MAX_DEPTH {
            let Some(reference) = at.get("$ref").and_then(Json::as_str) else { return Some(at) };
            at = self.root.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }
}

/// What is known of a value before any run.
enum Known {
    Constant(Json),
    Map(Vec<String>),
    List,
    Text,
    Nothing,
}

impl Known {
    fn of(tree: &Tree) -> Self {
        if let Some(constant) = tree.as_constant() {
            let json = serde_json::from_str(&value::to_json(constant));
            return json.map_or(Self::Nothing, Self::Constant);
        }
        if let Some(entries) = tree.as_map() {
            return Self::Map(entries.iter().map(|(key, _)| key.clone()).collect());
        }
        match tree.as_expression() {
            _ if tree.as_list().is_some() => Self::List,
            Some(expression) if expression.is_text() => Self::Text,
            _ => Self::Nothing,
        }
    }

    /// Why no value of this kind matches `schema`, as far as its own keywords tell.
    fn conflict(&self, schema: &Json) -> Option<String> {
        let (name, keys): (&str, Vec<&str>) = match self {
            Self::Nothing => return None,
            Self::Constant(json) => {
                let keys = json.as_object().map(|map| map.keys().map(String::as_str).collect());
                (type_of(json), keys.unwrap_or_default())
            }
            Self::Map(keys) => ("object", keys.iter().map(String::as_str).collect()),
            Self::List => ("array", Vec::new()),
            Self::Text => ("string", Vec::new()),
        };
        let types: Vec<&str> = match schema.get("type") {
            Some(Json::String(one)) => vec![one],
            Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let admits = |wanted: &&str| *wanted == name || (*wanted == "number" && name == "integer");
        if !types.is_empty() && !types.iter().any(admits) {
            let wanted: Vec<_> = types.iter().map(|name| format!("`{name}`")).collect();
            return Some(format!("is a `{name}`, not a {}", wanted.join(" or ")));
        }
        if let (Self::Constant(json), Some(Json::Array(choices))) = (self, schema.get("enum"))
            && !choices.contains(json)
        {
            return Some("is none of the values that are listed".to_owned());
        }
        if name != "object" {
            return None;
        }
        let property = |key: &str| schema.get("properties").and_then(|properties| properties.get(key));
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        let mut required = required.filter_map(Json::as_str);
        let has_default = |key: &str| property(key).is_some_and(|it| it.get("default").is_some());
        if let Some(missing) = required.find(|key| !keys.contains(key) && !has_default(key)) {
            return Some(format!("`{missing}` is missing"));
        }
        let is_closed = schema.get("additionalProperties") == Some(&Json::Bool(false))
            && schema.get("patternProperties").is_none();
        let extra = keys.iter().find(|key| is_closed && property(key).is_none());
        extra.map(|key| format!("`{key}` is not admitted"))
    }
}

fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}
