//! The reference as JSON Schema, for editors: what can be completed, what is shown of it, and what is wrong.
//!
//! Draft 7, which editors know best. No pattern is laid on expressions, templates, times or URLs. What
//! excludes each other is said key by key (`dependencies` on keys that are `false`), so that the key is
//! marked that does not belong, and not the map around it.

mod step;

use serde_json::{Map, Value as Json, json};

use super::{Document, Field, Of, Rule, Takes, Word};
use crate::schema::keywords;
use crate::testing::MATCHERS;
use crate::vm::Class;

/// The schema of such a file.
#[must_use]
pub fn json_schema(document: Document) -> Json {
    let mut writer = Writer { takes_variables: document == Document::Project, definitions: Map::new() };
    let object = document.object();
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("$comment".to_owned(), json!("Written by `pathway schema`: change the program instead."));
    schema.extend(writer.object(object.title, object.fields, object.rules, object.others));
    if !writer.definitions.is_empty() {
        schema.insert("definitions".to_owned(), Json::Object(writer.definitions));
    }
    Json::Object(schema)
}

/// What is written so far.
struct Writer {
    /// Whether any value may be `${NAME}`, or left out.
    takes_variables: bool,
    definitions: Map<String, Json>,
}

impl Writer {
    /// A map of these fields.
    fn object(
        &mut self,
        title: &str,
        fields: &[Field],
        rules: &[Rule],
        others: Option<Takes>,
    ) -> Map<String, Json> {
        let mut properties = Map::new();
        for field in fields {
            properties.insert(field.name.to_owned(), self.field(field));
        }
        let required: Vec<&str> =
            fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
        let mut schema = Map::new();
        schema.insert("title".to_owned(), title.into());
        schema.insert(
            "type".to_owned(),
            if self.takes_variables { json!(["object", "null"]) } else { json!("object") },
        );
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema.insert("properties".to_owned(), Json::Object(properties));
        let others = others.map_or(Json::Bool(false), |takes| self.value(takes));
        schema.insert("additionalProperties".to_owned(), others);
        schema.extend(constraints(rules));
        schema
    }

    /// What stands under a field, and what is shown of it.
    fn field(&mut self, field: &Field) -> Json {
        let mut schema = Map::new();
        let (plain, marked) = documentation(field);
        schema.insert("description".to_owned(), plain.into());
        schema.insert("markdownDescription".to_owned(), marked.into());
        match self.value(field.takes) {
            // Beside a reference nothing counts in this draft.
            Json::Object(value) if value.contains_key("$ref") => {
                schema.insert("allOf".to_owned(), json!([value]));
            }
            Json::Object(value) => schema.extend(value),
            _ => {}
        }
        Json::Object(schema)
    }

    fn value(&mut self, takes: Takes) -> Json {
        match takes {
            Takes::Template | Takes::Data => json!({}),
            Takes::Text | Takes::DurationText | Takes::TimeText | Takes::ClassText | Takes::Scalar => {
                json!({ "type": self.with_nothing(&["string", "number", "boolean"]) })
            }
            Takes::Expression | Takes::Condition => json!({ "type": ["string", "boolean", "integer"] }),
            Takes::Texts => self.map(Takes::Text),
            Takes::TextsOrTemplate => json!({ "anyOf": [self.map(Takes::Text), { "type": "string" }] }),
            Takes::Name(Of::New) if !self.takes_variables => name(),
            Takes::Name(_) | Takes::Plain | Takes::Duration | Takes::Time | Takes::Rate => {
                json!({ "type": self.with_nothing(&["string"]) })
            }
            Takes::Size => json!({ "type": self.with_nothing(&["string", "integer"]) }),
            Takes::Words(words) => self.or_variable(one_of(words)),
            Takes::Class => json!({ "enum": Class::ALL.map(Class::name) }),
            Takes::Flag => self.or_variable(json!({ "type": "boolean" })),
            Takes::True => json!({ "const": true }),
            Takes::Count(from, to) => {
                self.or_variable(json!({ "type": "integer", "minimum": from, "maximum": to }))
            }
            Takes::Number(from, to) => {
                self.or_variable(json!({ "type": "number", "minimum": from, "maximum": to }))
            }
            Takes::Status => json!({ "type": "integer", "minimum": 100, "maximum": 599 }),
            Takes::AnyNumber => json!({ "type": "number" }),
            Takes::Schema => self.refer("schema", |writer| {
                let inline = writer.inline();
                json!({ "anyOf": [{ "type": "string", "description": "path of a JSON Schema, relative to this file" }, inline] })
            }),
            Takes::Pattern => self.refer("pattern", Self::pattern),
            Takes::List(item) => {
                json!({ "type": self.with_nothing(&["array"]), "items": self.value(*item) })
            }
            Takes::Map(item) => self.map(*item),
            Takes::Object(object) => {
                Json::Object(self.object(object.title, object.fields, object.rules, object.others))
            }
            Takes::Call => {
                let rules = crate::steps::verb("http").map(crate::steps::Spec::rules).unwrap_or_default();
                // Read where a step calls the service, by the rules of pathways.
                let mut writer = Self { takes_variables: false, definitions: Map::new() };
                let call = writer.object("call", &takes.keys(), rules, None);
                json!({ "anyOf": [call, { "type": "null" }] })
            }
            Takes::Steps => self.steps(),
            Takes::Step => self.step(),
            Takes::Compensation => self.compensation(),
            Takes::OrNothing(inner) => json!({ "anyOf": [self.value(*inner), { "type": "null" }] }),
            Takes::OneOf(several) => {
                let several: Vec<Json> = several.iter().map(|one| self.value(*one)).collect();
                json!({ "anyOf": several })
            }
        }
    }

    /// A map from names that the author chooses.
    fn map(&mut self, value: Takes) -> Json {
        json!({ "type": self.with_nothing(&["object"]), "additionalProperties": self.value(value) })
    }

    /// These types, and null where a value may be left out.
    fn with_nothing(&self, types: &[&str]) -> Json {
        match types {
            [one] if !self.takes_variables => json!(one),
            _ if self.takes_variables => types.iter().chain(&["null"]).copied().collect(),
            _ => json!(types),
        }
    }

    /// As `schema` says, or a variable, or nothing, where that may be.
    fn or_variable(&self, schema: Json) -> Json {
        if !self.takes_variables {
            return schema;
        }
        let variable = json!({
            "type": "string",
            "pattern": "\\$\\{",
            "patternErrorMessage": "neither such a value nor a variable, as `${NAME}`",
        });
        json!({ "anyOf": [schema, variable, { "type": "null" }] })
    }

    /// A reference to a definition, which is made when it is first named.
    fn refer(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), Json::Null);
            let made = make(self);
            self.definitions.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    /// A JSON Schema that is written in place; the program itself tells what is wrong inside.
    fn inline(&mut self) -> Json {
        let inner = json!({ "type": ["object", "boolean"] });
        let several = json!({ "type": "object", "additionalProperties": inner });
        let mut properties = Map::new();
        for keyword in keywords() {
            let schema = match keyword {
                "properties" | "$defs" | "definitions" | "patternProperties" => several.clone(),
                "required" => json!({ "type": "array", "items": { "type": "string" } }),
                "type" => {
                    let types = ["string", "number", "integer", "boolean", "object", "array", "null"];
                    json!({ "anyOf": [{ "enum": types }, { "type": "array", "items": { "enum": types } }] })
                }
                _ => json!({}),
            };
            properties.insert(keyword.to_owned(), schema);
        }
        json!({
            "title": "schema",
            "type": "object",
            "properties": properties,
            "patternProperties": { "^x-": {} },
            "additionalProperties": false,
        })
    }

    /// What a value is to look like: itself, or matchers.
    fn pattern(&mut self) -> Json {
        let again = json!({ "$ref": "#/definitions/pattern" });
        let matchers = self.object(MATCHERS.title, MATCHERS.fields, MATCHERS.rules, None);
        json!({
            "if": { "type": "object", "anyOf": MATCHERS.fields.iter()
                .map(|field| json!({ "required": [field.name] })).collect::<Vec<_>>() },
            "then": matchers,
            "else": {
                "items": again,
                "propertyNames": { "pattern": "^([^$]|$)" },
                "additionalProperties": again,
            },
        })
    }
}

/// A name that its author chooses.
fn name() -> Json {
    json!({
        "type": "string",
        "pattern": "^[a-z][a-z0-9_]{0,63}$",
        "patternErrorMessage": "a name has lower-case letters, digits and `_`, and begins with a letter",
    })
}

/// One of some words.
fn one_of(words: &[Word]) -> Json {
    if words.iter().all(|word| word.1.is_empty()) {
        return json!({ "enum": words.iter().map(|word| word.0).collect::<Vec<_>>() });
    }
    let words = words.iter().map(|Word(word, about)| json!({ "const": word, "description": about }));
    json!({ "oneOf": words.collect::<Vec<_>>() })
}

/// What of the keys goes together.
fn constraints(rules: &[Rule]) -> Map<String, Json> {
    let mut dependencies = Map::new();
    let mut schema = Map::new();
    for rule in rules {
        match rule {
            Rule::AtMostOne(names) => {
                for name in *names {
                    let others = names.iter().filter(|other| other != &name);
                    exclude(&mut dependencies, name, others.copied());
                }
            }
            Rule::AtLeastOne(names) => {
                schema.insert(
                    "anyOf".to_owned(),
                    names.iter().map(|name| json!({ "required": [name] })).collect(),
                );
            }
            Rule::With(name, other) => {
                dependencies.insert((*name).to_owned(), json!([other]));
            }
        }
    }
    if !dependencies.is_empty() {
        schema.insert("dependencies".to_owned(), Json::Object(dependencies));
    }
    schema
}

/// Where there is `name`, there are none of `others`.
fn exclude<'a>(dependencies: &mut Map<String, Json>, name: &str, others: impl Iterator<Item = &'a str>) {
    let there = dependencies.entry(name).or_insert_with(|| json!({ "properties": {} }));
    if let Some(properties) = there.get_mut("properties").and_then(Json::as_object_mut) {
        properties.extend(others.map(|other| (other.to_owned(), Json::Bool(false))));
    }
}

/// What is shown of a field, without marks and with them.
fn documentation(field: &Field) -> (String, String) {
    let about = field.summary.replace('`', "");
    let takes = field.takes.to_string();
    let example = field.takes.example().map_or_else(String::new, |text| format!(": {text}"));
    let needed = if field.is_required { ", required" } else { "" };
    let plain = format!("{about} ({}{needed})", takes.replace('`', ""));
    let marked = format!("**{}** — {}\n\n*{takes}{needed}*{example}", field.name, field.summary);
    (plain, marked)
}
