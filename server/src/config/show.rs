//! What holds and where it came from, for people: secrets are masked.

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::Variables;
use pathway_engine::project::{MASK, interpolate, mask_password, references, typed};
use pathway_engine::source::{Kind, Node, Text};

use super::Config;
use super::secrets::is_secret_name;

/// A setting that holds.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Setting {
    /// Its path, such as `bus.kafka.group`.
    pub key: String,
    /// Its value, secrets masked.
    pub value: serde_json::Value,
    /// Where it came from, such as `pathway.yaml:14, KAFKA_GROUP_ID from .env:2`.
    pub origin: String,
}

impl Config {
    /// All settings, in the order of the layers.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        let variables = self.table.masked();
        let printer = Printer { config: self, variables: &variables };
        printer.list(&mut Vec::new(), &self.tree, &mut settings);
        settings
    }

    /// The project as YAML, each value with its origin as a comment.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let variables = self.table.masked();
        let printer = Printer { config: self, variables: &variables };
        let mut out = String::new();
        printer.yaml(&mut Vec::new(), &self.tree, 0, &mut out);
        out
    }
}

struct Printer<'a> {
    config: &'a Config,
    variables: &'a Variables,
}

impl<'a> Printer<'a> {
    fn list(&self, path: &mut Vec<&'a str>, node: &'a Node, out: &mut Vec<Setting>) {
        match &node.kind {
            Kind::Map(entries) if !entries.is_empty() => {
                for entry in entries {
                    path.push(&entry.key.value);
                    self.list(path, &entry.value, out);
                    path.pop();
                }
            }
            Kind::List(items) if !items.is_empty() => {
                let value = items.iter().map(|item| self.json(path, item)).collect();
                let origin = items.first().map(|item| self.origin(item)).unwrap_or_default();
                out.push(Setting { key: path.join("."), value, origin });
            }
            _ => out.push(Setting {
                key: path.join("."),
                value: self.json(path, node),
                origin: self.origin(node),
            }),
        }
    }

    fn json(&self, path: &mut Vec<&'a str>, node: &'a Node) -> serde_json::Value {
        use serde_json::Value;
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::from(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::Float(value) => Value::from(*value),
            Kind::Text(text) => self.text(path, text),
            Kind::List(items) => items.iter().map(|item| self.json(path, item)).collect(),
            Kind::Map(entries) => {
                let mut map = serde_json::Map::new();
                for entry in entries {
                    path.push(&entry.key.value);
                    map.insert(entry.key.value.clone(), self.json(path, &entry.value));
                    path.pop();
                }
                Value::Object(map)
            }
        }
    }

    /// A text with its references filled in, typed as the project reads it, and masked.
    fn text(&self, path: &[&str], text: &Text) -> serde_json::Value {
        let refers = text.value.contains("${");
        let filled = interpolate(text, self.variables, &mut Diagnostics::new());
        let value = filled.map_or_else(|| text.value.clone(), |resolved| resolved.value);
        if !refers && !value.is_empty() && hides_literals(path) && !value.contains("{{") {
            return MASK.into();
        }
        match typed(&value) {
            Some(Kind::Int(value)) if refers && path.first() != Some(&"vars") => value.into(),
            Some(Kind::Float(value)) if refers && path.first() != Some(&"vars") => value.into(),
            Some(Kind::Bool(value)) if refers && path.first() != Some(&"vars") => value.into(),
            _ => mask_password(&value).into(),
        }
    }

    fn origin(&self, node: &Node) -> String {
        let Config { origins, sources, table, .. } = self.config;
        let mut parts = vec![origins.of(node.span, sources).to_string()];
        // What lies over the file refers to the variable that it is.
        if origins.is_file(node.span) {
            for name in node.as_text().into_iter().flat_map(|text| references(&text.value)) {
                if let Some(origin) = table.origin(name) {
                    parts.push(format!("{name} from {origin}"));
                }
            }
        }
        parts.join(", ")
    }

    fn yaml(&self, path: &mut Vec<&'a str>, node: &'a Node, indent: usize, out: &mut String) {
        let Kind::Map(entries) = &node.kind else { return };
        for entry in entries {
            path.push(&entry.key.value);
            let pad = " ".repeat(indent);
            let key = scalar(&serde_json::Value::from(entry.key.value.as_str()));
            match &entry.value.kind {
                Kind::Map(inner) if !inner.is_empty() => {
                    out.push_str(&format!("{pad}{key}:\n"));
                    self.yaml(path, &entry.value, indent + 2, out);
                }
                Kind::List(items) if !items.is_empty() => {
                    out.push_str(&format!("{pad}{key}:\n"));
                    for item in items {
                        let value = scalar(&self.json(path, item));
                        out.push_str(&format!("{pad}  - {value}  # {}\n", self.origin(item)));
                    }
                }
                _ => {
                    let value = scalar(&self.json(path, &entry.value));
                    out.push_str(&format!("{pad}{key}: {value}  # {}\n", self.origin(&entry.value)));
                }
            }
            path.pop();
        }
    }
}

/// A value on one line of YAML; lists and maps as JSON, which is YAML too.
fn scalar(value: &serde_json::Value) -> String {
    let plain = value.is_string().then(|| serde_yaml::to_string(value).ok()).flatten();
    match plain.as_deref().map(str::trim_end) {
        Some(text) if !text.contains('\n') => text.to_owned(),
        _ => value.to_string(),
    }
}

/// Whether a text written at `path` as it stands is a secret.
fn hides_literals(path: &[&str]) -> bool {
    const CREDENTIALS: [&str; 4] = ["authorization", "apikey", "cookie", "proxy-authorization"];
    let Some((leaf, above)) = path.split_last() else { return false };
    let secret = is_secret_name(leaf) || CREDENTIALS.iter().any(|name| name.eq_ignore_ascii_case(leaf));
    match above {
        ["auth"] => *leaf == "secret",
        ["traces"] => *leaf == "headers",
        ["traces", "headers"] => true,
        ["bus", "kafka"] | ["vars", ..] => secret,
        ["services", .., parent] => secret && ["headers", "query", "form"].contains(parent),
        _ => false,
    }
}
