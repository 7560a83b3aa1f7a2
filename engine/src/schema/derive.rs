//! Schema → [`Shape`].
//!
//! What a value must meet at once (`$ref`, `allOf` and the schema around them) is added up; of
//! branches (`anyOf`, `oneOf`, `if`) the union is taken, so that a property is known if any
//! branch or what stands around them knows it.

use std::cell::Cell;
use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::shape::Shape;
use super::tree::{Keywords, Reach, Tree};

/// How often a schema may stand inside itself before nothing more is said of it.
const MAX_TURNS: usize = 3;
/// How many schemas are looked at, references followed.
const MAX_VISITS: usize = 20_000;

/// What a value that meets the schema looks like.
pub(super) fn shape(tree: &Tree) -> Shape {
    Derivation { tree, visits: Cell::new(0), branches: Cell::new(0) }.shape(&[tree.root()], &mut Vec::new())
}

const NULL: u8 = 1;
const SCALARS: u8 = 2;
const ARRAY: u8 = 4;
const OBJECT: u8 = 8;
const EVERY_TYPE: u8 = NULL | SCALARS | ARRAY | OBJECT;

/// What is said of properties that are not listed, from what tells least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    /// Nothing is listed.
    Unsaid,
    /// Some branches list properties, others do not.
    Partly,
    /// Properties are listed, and that is all.
    Listed,
    /// Others are allowed by name.
    Open,
}

#[derive(Debug)]
struct Facts {
    types: u8,
    properties: IndexMap<String, Shape>,
    /// Properties that are certainly there.
    present: HashSet<String>,
    others: Others,
    items: Option<Shape>,
    secret: bool,
}

struct Derivation<'t> {
    tree: &'t Tree,
    visits: Cell<usize>,
    /// How many branches stand around what is looked at: inside them defaults are not filled in.
    branches: Cell<usize>,
}

impl<'t> Derivation<'t> {
    fn shape(&self, schemas: &[&'t Json], path: &mut Vec<*const Keywords>) -> Shape {
        self.visits.set(self.visits.get() + 1);
        if self.visits.get() > MAX_VISITS {
            return Shape::Any;
        }
        self.facts(schemas, path).map_or(Shape::Any, Facts::into_shape)
    }

    fn facts(&self, schemas: &[&'t Json], path: &mut Vec<*const Keywords>) -> Option<Facts> {
        let all = self.tree.gather(schemas.iter().copied(), Reach::Certain);
        let turns = |schema: &Keywords| path.iter().filter(|seen| std::ptr::eq(**seen, schema)).count();
        if all.is_empty() || all.iter().any(|schema| turns(schema) >= MAX_TURNS) {
            return None;
        }
        let depth = path.len();
        path.extend(all.iter().map(|schema| std::ptr::from_ref(*schema)));
        let mut facts = self.stated(&all, path);
        for schema in &all {
            for branches in branches(schema) {
                if let Some(union) = self.union(&branches, path) {
                    facts.meet(union);
                }
            }
        }
        path.truncate(depth);
        Some(facts)
    }

    /// What `schemas`, which hold at once, say themselves.
    fn stated(&self, schemas: &[&'t Keywords], path: &mut Vec<*const Keywords>) -> Facts {
        let mut facts = Facts::nothing();
        let mut properties: IndexMap<&str, Vec<&'t Json>> = IndexMap::new();
        let mut items: Vec<&Json> = Vec::new();
        let mut first: Vec<&Json> = Vec::new();
        for schema in schemas {
            facts.types &= types(schema);
            facts.secret |= schema.get("writeOnly") == Some(&Json::Bool(true));
            facts.others = facts.others.max(others(schema));
            let listed = schema.get("properties").and_then(Json::as_object);
            for (name, property) in listed.into_iter().flatten() {
                properties.entry(name).or_default().push(property);
            }
            let required = schema.get("required").and_then(Json::as_array);
            facts.present.extend(required.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned));
            first.extend(
                ["prefixItems", "items"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten(),
            );
            items.extend(
                ["items", "additionalItems"]
                    .iter()
                    .filter_map(|key| schema.get(*key))
                    .filter(|items| !items.is_array()),
            );
        }
        for (name, schemas) in properties {
            let all = self.tree.gather(schemas.iter().copied(), Reach::Certain);
            if self.branches.get() == 0 && all.iter().any(|schema| schema.contains_key("default")) {
                facts.present.insert(name.to_owned());
            }
            facts.properties.insert(name.to_owned(), self.shape(&schemas, path));
        }
        let rest = (!items.is_empty()).then(|| self.shape(&items, path));
        let shapes = first.into_iter().map(|item| self.shape(&[item], path));
        facts.items = shapes.collect::<Vec<_>>().into_iter().chain(rest).reduce(Shape::or);
        facts
    }

    fn union(&self, branches: &[&'t Json], path: &mut Vec<*const Keywords>) -> Option<Facts> {
        let mut union: Option<Facts> = None;
        self.branches.set(self.branches.get() + 1);
        for branch in branches {
            if **branch == Json::Bool(false) {
                continue;
            }
            let facts = self.facts(&[branch], path).unwrap_or_else(Facts::nothing);
            union = Some(match union {
                Some(union) => union.or(facts),
                None => facts,
            });
        }
        self.branches.set(self.branches.get() - 1);
        union
    }
}

/// Lists of schemas of which some hold.
fn branches(schema: &Keywords) -> Vec<Vec<&Json>> {
    let mut branches: Vec<Vec<&Json>> = ["anyOf", "oneOf"]
        .iter()
        .filter_map(|key| schema.get(*key)?.as_array())
        .map(|list| list.iter().collect())
        .collect();
    let always = &Json::Bool(true);
    if schema.contains_key("if") {
        let branch = |key| schema.get(key).unwrap_or(always);
        branches.push(vec![branch("then"), branch("else")]);
    }
    if let Some(dependent) = schema.get("dependentSchemas").and_then(Json::as_object) {
        branches.extend(dependent.values().map(|schema| vec![schema, always]));
    }
    branches
}

fn types(schema: &Keywords) -> u8 {
    let of_name = |name: &Json| match name.as_str() {
        Some("null") => NULL,
        Some("array") => ARRAY,
        Some("object") => OBJECT,
        _ => SCALARS,
    };
    let of_value = |value: &Json| match value {
        Json::Null => NULL,
        Json::Array(_) => ARRAY,
        Json::Object(_) => OBJECT,
        _ => SCALARS,
    };
    let union = |list: &[Json], of: &dyn Fn(&Json) -> u8| list.iter().fold(0, |types, one| types | of(one));
    let declared = match schema.get("type") {
        Some(Json::Array(names)) => union(names, &of_name),
        Some(name) => of_name(name),
        None => EVERY_TYPE,
    };
    let values = match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => of_value(value),
        (None, Some(Json::Array(values))) => union(values, &of_value),
        _ => EVERY_TYPE,
    };
    declared & values
}

fn others(schema: &Keywords) -> Others {
    let says = |key: &str| schema.get(key).is_some_and(|other| *other != Json::Bool(false));
    if ["additionalProperties", "unevaluatedProperties", "patternProperties"].into_iter().any(says) {
        return Others::Open;
    }
    let lists = ["properties", "additionalProperties", "unevaluatedProperties"];
    if lists.into_iter().any(|key| schema.contains_key(key)) { Others::Listed } else { Others::Unsaid }
}

impl Facts {
    fn nothing() -> Self {
        Self {
            types: EVERY_TYPE,
            properties: IndexMap::new(),
            present: HashSet::new(),
            others: Others::Unsaid,
            items: None,
            secret: false,
        }
    }

    /// Both hold.
    fn meet(&mut self, other: Self) {
        self.types &= other.types;
        self.others = self.others.max(other.others);
        self.present.extend(other.present);
        self.secret |= other.secret;
        for (name, shape) in other.properties {
            match self.properties.get_mut(&name) {
                Some(known) => *known = meet(std::mem::replace(known, Shape::Any), shape),
                None => _ = self.properties.insert(name, shape),
            }
        }
        self.items = match (self.items.take(), other.items) {
            (Some(a), Some(b)) => Some(meet(a, b)),
            (a, b) => a.or(b),
        };
    }

    /// One of them holds.
    fn or(self, other: Self) -> Self {
        // Of a branch that is no object nothing follows for properties.
        let (a, b) = (self.types & OBJECT != 0, other.types & OBJECT != 0);
        let types = self.types | other.types;
        let secret = self.secret || other.secret;
        let items = match (self.items, other.items) {
            (Some(a), Some(b)) => Some(a.or(b)),
            (Some(one), None) if other.types & ARRAY == 0 => Some(one),
            (None, Some(one)) if self.types & ARRAY == 0 => Some(one),
            _ => None,
        };
        let (present, others) = match (a, b) {
            (true, false) => (self.present, self.others),
            (false, true) => (other.present, other.others),
            _ => {
                let others = match (self.others, other.others) {
                    (a, b) if a == b => a,
                    (Others::Open, _) | (_, Others::Open) => Others::Open,
                    _ => Others::Partly,
                };
                (self.present.intersection(&other.present).cloned().collect(), others)
            }
        };
        let mut properties = self.properties;
        for (name, shape) in other.properties {
            match properties.get_mut(&name) {
                Some(known) => *known = std::mem::replace(known, Shape::Any).or(shape),
                None => _ = properties.insert(name, shape),
            }
        }
        Self { types, properties, present, others, items, secret }
    }

    fn into_shape(self) -> Shape {
        let types = self.types & !NULL;
        // Where no type is given, what else is said tells which one is meant.
        let untyped = types == EVERY_TYPE & !NULL;
        let shape = match (types, self.items.as_ref()) {
            (0 | SCALARS, _) => Shape::Scalar,
            (ARRAY, items) => Shape::List(Box::new(items.cloned().unwrap_or(Shape::Any))),
            (OBJECT, _) => self.object(true),
            _ if types & OBJECT != 0 && self.others != Others::Unsaid => self.object(untyped),
            (_, Some(items)) if untyped => Shape::List(Box::new(items.clone())),
            _ => Shape::Any,
        };
        let nullable = self.types & NULL != 0 && self.types != EVERY_TYPE;
        let shape = if nullable { shape.optional() } else { shape };
        if self.secret { shape.secret() } else { shape }
    }

    fn object(&self, certain: bool) -> Shape {
        let properties = self.properties.iter().map(|(name, shape)| {
            let present = certain && self.present.contains(name);
            (name.clone(), if present { shape.clone() } else { shape.clone().optional() })
        });
        Shape::Object { properties: properties.collect(), open: self.others != Others::Listed }
    }
}

/// A value that has both shapes: what the one does not tell, the other may.
fn meet(a: Shape, b: Shape) -> Shape {
    match (a, b) {
        (Shape::Any, other) | (other, Shape::Any) => other,
        (Shape::Secret(a), b) | (b, Shape::Secret(a)) => meet(*a, b).secret(),
        (Shape::Optional(a), Shape::Optional(b)) => meet(*a, *b).optional(),
        (Shape::Optional(a), b) | (b, Shape::Optional(a)) => meet(*a, b),
        (Shape::List(a), Shape::List(b)) => Shape::List(Box::new(meet(*a, *b))),
        (Shape::Object { mut properties, open }, Shape::Object { properties: more, open: also }) => {
            for (name, shape) in more {
                match properties.get_mut(&name) {
                    Some(known) => *known = meet(std::mem::replace(known, Shape::Any), shape),
                    None => _ = properties.insert(name, shape),
                }
            }
            Shape::Object { properties, open: open && also }
        }
        (a, _) => a,
    }
}
