//! Steps: one verb, and the modifiers that go with it.

use serde_json::{Map, Value as Json, json};

use super::{Writer, constraints, exclude};
use crate::document::{MODIFIERS, OF_GUARDS, RESERVED};
use crate::reference::{Field, Takes};
use crate::steps::{Spec, VERBS};

/// The verb that is a block, beside which `return` is the block's.
const BLOCK: &str = "steps";
/// The verbs that end their block.
const GUARDS: [&str; 2] = ["return", "fail"];

impl Writer {
    /// A map from names to steps.
    pub(super) fn steps(&mut self) -> Json {
        self.refer("steps", |writer| {
            let mut names = super::name();
            if let Some(names) = names.as_object_mut() {
                names.insert("not".to_owned(), json!({ "enum": RESERVED }));
            }
            json!({ "type": "object", "propertyNames": names, "additionalProperties": writer.value(Takes::Step) })
        })
    }

    pub(super) fn step(&mut self) -> Json {
        self.refer("step", |writer| {
            writer.one(Takes::Step, &VERBS.iter().map(|it| it.name).collect::<Vec<_>>())
        })
    }

    pub(super) fn compensation(&mut self) -> Json {
        let verbs: Vec<&str> = VERBS.iter().map(|it| it.name).filter(|name| !GUARDS.contains(name)).collect();
        self.refer("compensation", |writer| writer.one(Takes::Compensation, &verbs))
    }

    /// A map with one of `verbs` and its modifiers.
    fn one(&mut self, takes: Takes, verbs: &[&str]) -> Json {
        let keys = takes.keys();
        let mut properties = Map::new();
        for field in &keys {
            let verb = VERBS.iter().find(|verb| verb.name == field.name);
            let schema = match verb {
                Some(verb) => self.verb(verb),
                None => self.field(field),
            };
            properties.insert(field.name.to_owned(), schema);
        }
        let mut schema = Map::new();
        schema.insert("title".to_owned(), "step".into());
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), Json::Object(properties));
        schema.insert("additionalProperties".to_owned(), Json::Bool(false));
        let needed: Vec<Json> = verbs.iter().map(|name| json!({ "required": [name] })).collect();
        schema.insert("anyOf".to_owned(), Json::Array(needed));
        let mut rules = constraints(MODIFIERS.rules);
        let dependencies = rules.entry("dependencies").or_insert_with(|| json!({}));
        if let Some(dependencies) = dependencies.as_object_mut() {
            exclusions(dependencies, &keys, verbs);
        }
        schema.extend(rules);
        Json::Object(schema)
    }

    /// A verb of a step.
    fn verb(&mut self, verb: &'static Spec) -> Json {
        let value = match verb.takes {
            Takes::Object(_) => self.refer(verb.name, |writer| writer.value(verb.takes)),
            takes => self.value(takes),
        };
        let mut schema = Map::new();
        let (summary, output) = (verb.summary.replace('`', ""), verb.output.replace('`', ""));
        schema.insert("description".to_owned(), format!("{summary}. Output: {output}").into());
        schema.insert("markdownDescription".to_owned(), verb.documentation().into());
        if let Json::Object(value) = value {
            if value.contains_key("$ref") {
                schema.insert("allOf".to_owned(), json!([value]));
            } else {
                schema.extend(value);
            }
        }
        Json::Object(schema)
    }
}

/// One verb, and on what ends a block only what means something there.
fn exclusions(dependencies: &mut Map<String, Json>, keys: &[Field], verbs: &[&str]) {
    let of_others: Vec<&str> = MODIFIERS
        .fields
        .iter()
        .map(|field| field.name)
        .filter(|name| !OF_GUARDS.contains(name) && keys.iter().any(|key| key.name == *name))
        .collect();
    for verb in verbs {
        let others = verbs.iter().copied().filter(|other| other != verb);
        match *verb {
            BLOCK => exclude(dependencies, verb, others.filter(|other| *other != "return")),
            "return" => exclude(dependencies, verb, others.filter(|other| *other != BLOCK)),
            _ => exclude(dependencies, verb, others.chain((verb != &BLOCK).then_some("return"))),
        }
    }
    for guard in GUARDS.iter().filter(|guard| verbs.contains(guard)) {
        let mut alone = Map::new();
        exclude(&mut alone, guard, of_others.iter().copied());
        let alone = alone.remove(*guard).unwrap_or_default();
        if let Some(there) = dependencies.get_mut(*guard).and_then(Json::as_object_mut) {
            // `return` beside `steps` is the block's.
            there.insert("if".to_owned(), json!({ "required": [BLOCK] }));
            there.insert("else".to_owned(), alone);
        }
    }
    if !verbs.contains(&"return") {
        dependencies.insert("return".to_owned(), json!([BLOCK]));
    }
}
