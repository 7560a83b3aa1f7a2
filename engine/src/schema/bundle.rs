//! A schema as a part of another document: in the dialect of draft 2020-12, and with references
//! that lead to other parts of that document.

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::Schema;
use super::keyword::{self, Takes};

impl Schema {
    /// The schema called `name`, and those that it refers to under names that begin with it, all of
    /// which stand below `base`: `#/components/schemas/`, for instance. What needs a document of its
    /// own (`$id`, `$schema`, anchors, definitions that nothing refers to) is left out.
    #[must_use]
    pub fn bundle(&self, base: &str, name: &str) -> IndexMap<String, Json> {
        let mut bundler = Bundler {
            schema: self,
            base,
            name,
            names: BTreeMap::new(),
            taken: HashSet::new(),
            open: Vec::new(),
        };
        bundler.names.insert(String::new(), name.to_owned());
        let mut bundle = IndexMap::new();
        bundle.insert(name.to_owned(), bundler.schema(self.tree.root()));
        while let Some(pointer) = bundler.open.pop() {
            let found = self.tree.root().pointer(&pointer).map(|schema| bundler.schema(schema));
            if let (Some(schema), Some(name)) = (found, bundler.names.get(&pointer)) {
                bundle.insert(name.clone(), schema);
            }
        }
        bundle
    }
}

struct Bundler<'a> {
    schema: &'a Schema,
    base: &'a str,
    name: &'a str,
    /// What is referred to, by pointer, and what it is called.
    names: BTreeMap<String, String>,
    taken: HashSet<String>,
    /// Pointers to what is not written yet.
    open: Vec<String>,
}

impl Bundler<'_> {
    fn schema(&mut self, schema: &Json) -> Json {
        let Some(keywords) = schema.as_object() else { return schema.clone() };
        if self.schema.tree.is_lone_reference(keywords) {
            return json!({ "$ref": self.reference(keywords.get("$ref")) });
        }
        let mut written = Map::new();
        for (key, value) in keywords {
            self.keyword(key, value, keywords, &mut written);
        }
        Json::Object(written)
    }

    fn keyword(&mut self, key: &str, value: &Json, all: &Map<String, Json>, written: &mut Map<String, Json>) {
        let takes = keyword::find(key, self.schema.tree.draft()).map(|keyword| keyword.takes);
        let (key, value) = match takes {
            Some(Takes::Draft | Takes::Id | Takes::Anchor | Takes::Definitions) => return,
            Some(Takes::Reference) => {
                let reference = json!({ "$ref": self.reference(Some(value)) });
                // Two of them hold both.
                return match (written.contains_key("$ref"), reference) {
                    (false, Json::Object(reference)) => written.extend(reference),
                    (_, reference) => also(written, reference),
                };
            }
            Some(Takes::Schema) if key == "additionalItems" => {
                // It says nothing where `items` is not a list.
                if !all.get("items").is_some_and(Json::is_array) {
                    return;
                }
                ("items", self.schema(value))
            }
            Some(Takes::SchemaOrList) if value.is_array() => ("prefixItems", self.list(value)),
            Some(Takes::SchemaInPlace | Takes::Schema | Takes::SchemaOrList) => (key, self.schema(value)),
            Some(Takes::SchemasInPlace | Takes::Schemas) => {
                let mut list = self.list(value);
                // What two references made of it before.
                if let (Some(Json::Array(before)), Json::Array(after)) = (written.remove(key), &mut list) {
                    after.extend(before);
                }
                (key, list)
            }
            Some(Takes::SchemaMap | Takes::SchemaMapInPlace | Takes::PatternMap) => (key, self.map(value)),
            Some(Takes::SchemaOrNamesMap) => return self.dependencies(value, written),
            // In draft 4 it is said of the bound beside it, which then is no bound itself.
            Some(Takes::Number) if all.get(&exclusive(key)) == Some(&Json::Bool(true)) => return,
            Some(Takes::Flag) if matches!(key, "exclusiveMinimum" | "exclusiveMaximum") => {
                let bound = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
                if let (Some(true), Some(limit)) = (value.as_bool(), all.get(bound)) {
                    written.insert(key.to_owned(), limit.clone());
                }
                return;
            }
            _ => (key, value.clone()),
        };
        written.insert(key.to_owned(), value);
    }

    fn list(&mut self, value: &Json) -> Json {
        value.as_array().into_iter().flatten().map(|schema| self.schema(schema)).collect()
    }

    fn map(&mut self, value: &Json) -> Json {
        let entries = value.as_object().into_iter().flatten();
        Json::Object(entries.map(|(name, schema)| (name.clone(), self.schema(schema))).collect())
    }

    /// `dependencies`, which later drafts have as two keywords.
    fn dependencies(&mut self, value: &Json, written: &mut Map<String, Json>) {
        let (mut names, mut schemas) = (Map::new(), Map::new());
        for (name, value) in value.as_object().into_iter().flatten() {
            match value {
                Json::Array(_) => names.insert(name.clone(), value.clone()),
                _ => schemas.insert(name.clone(), self.schema(value)),
            };
        }
        for (key, map) in [("dependentRequired", names), ("dependentSchemas", schemas)] {
            if !map.is_empty() {
                written.insert(key.to_owned(), Json::Object(map));
            }
        }
    }

    /// Where what is referred to stands in the other document.
    fn reference(&mut self, reference: Option<&Json>) -> String {
        let pointer = reference.and_then(Json::as_str).and_then(|text| self.schema.tree.pointer(text));
        let pointer = pointer.unwrap_or_default();
        if let Some(name) = self.names.get(pointer) {
            return format!("{}{name}", self.base);
        }
        let name = self.new_name(pointer);
        self.names.insert(pointer.to_owned(), name.clone());
        self.open.push(pointer.to_owned());
        format!("{}{name}", self.base)
    }

    /// A name that nothing else has, after what stands last in the pointer.
    fn new_name(&mut self, pointer: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        let last: String = pointer.rsplit('/').next().unwrap_or_default().chars().map(plain).collect();
        let first = format!("{}.{last}", self.name);
        let others = (2..).map(|n| format!("{first}{n}"));
        let free = std::iter::once(first.clone()).chain(others).find(|name| !self.taken.contains(name));
        let name = free.unwrap_or(first);
        self.taken.insert(name.clone());
        name
    }
}

/// The value must meet `schema` too.
fn also(written: &mut Map<String, Json>, schema: Json) {
    if let Json::Array(all) = written.entry("allOf").or_insert_with(|| json!([])) {
        all.push(schema);
    }
}

/// The keyword that makes a bound of `key` an exclusive one.
fn exclusive(key: &str) -> String {
    match key.split_at_checked(1) {
        Some((first, rest)) => format!("exclusive{}{rest}", first.to_ascii_uppercase()),
        None => String::new(),
    }
}
