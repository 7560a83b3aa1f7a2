//! `default`: fills in properties that are missing, before a value is checked.
//!
//! Through `properties`, `items`, `prefixItems`, `allOf` and `$ref`; not inside `anyOf`, `oneOf`
//! or `if`, where it would have to be known first which branch holds.

use std::collections::{HashMap, HashSet};

use serde::Deserialize as _;
use serde_json::Value as Json;

use super::instance::{Items, Members, member};
use super::tree::{Keywords, Reach, Tree};
use crate::Value;

/// How many different places a schema may have.
const MAX_PLACES: usize = 10_000;

/// What to fill in, place by place; the first place is the whole value.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    places: Vec<Place>,
}

#[derive(Debug, Default)]
struct Place {
    properties: Vec<Property>,
    /// Places of the first items, and of those after them.
    first: Vec<usize>,
    items: Option<usize>,
    /// Whether anything can be filled in here or below.
    useful: bool,
}

#[derive(Debug)]
struct Property {
    name: String,
    default: Option<Value>,
    place: usize,
}

impl Defaults {
    /// Collects the defaults of `schema`, a part of `tree`; `None` if it has too many places.
    pub(super) fn of<'t>(tree: &'t Tree, schema: &'t Json) -> Option<Self> {
        let mut builder = Builder { tree, places: Vec::new(), known: HashMap::new(), open: Vec::new() };
        builder.place(vec![schema]);
        while let Some((place, schemas)) = builder.open.pop() {
            if builder.places.len() > MAX_PLACES {
                return None;
            }
            builder.fill(place, &schemas);
        }
        let mut defaults = Self { places: builder.places };
        defaults.mark_useful();
        defaults.complete();
        Some(defaults)
    }

    /// `value` with what is missing filled in.
    pub(super) fn fill(&self, value: &Value) -> Value {
        self.fill_at(0, value).unwrap_or_else(|| value.clone())
    }

    /// The value with its gaps filled in, `None` if it has none.
    fn fill_at(&self, place: usize, value: &Value) -> Option<Value> {
        let place = self.places.get(place).filter(|place| place.useful)?;
        if let Some(members) = value.downcast_object_ref::<Members>() {
            let mut filled: Option<Members> = None;
            for property in &place.properties {
                let new = match member(members, &property.name) {
                    Some(value) => self.fill_at(property.place, value),
                    None => property.default.clone(),
                };
                if let Some(new) = new {
                    filled
                        .get_or_insert_with(|| members.clone())
                        .insert(Value::from(property.name.as_str()), new);
                }
            }
            return filled.map(Value::from);
        }
        let items = value.downcast_object_ref::<Items>()?;
        let mut filled: Option<Items> = None;
        for (n, item) in items.iter().enumerate() {
            let Some(below) = place.first.get(n).copied().or(place.items) else { break };
            if let Some(new) = self.fill_at(below, item)
                && let Some(slot) = filled.get_or_insert_with(|| items.clone()).get_mut(n)
            {
                *slot = new;
            }
        }
        filled.map(Value::from)
    }

    fn mark_useful(&mut self) {
        loop {
            let useful: Vec<bool> = self.places.iter().map(|place| self.is_useful(place)).collect();
            let mut changed = false;
            for (place, useful) in self.places.iter_mut().zip(useful) {
                changed |= place.useful != useful;
                place.useful = useful;
            }
            if !changed {
                return;
            }
        }
    }

    fn is_useful(&self, place: &Place) -> bool {
        let below = |n: &usize| self.places.get(*n).is_some_and(|place| place.useful);
        place.properties.iter().any(|property| property.default.is_some() || below(&property.place))
            || place.first.iter().chain(&place.items).any(below)
    }

    /// Fills the gaps of the defaults themselves. A default that would contain itself is left
    /// as written where it comes round again.
    fn complete(&mut self) {
        let mut done = HashSet::new();
        for place in 0..self.places.len() {
            let count = self.places.get(place).map_or(0, |place| place.properties.len());
            for property in 0..count {
                self.complete_one(place, property, &mut done, 0);
            }
        }
    }

    fn complete_one(
        &mut self,
        place: usize,
        property: usize,
        done: &mut HashSet<(usize, usize)>,
        depth: usize,
    ) {
        if depth > super::instance::MAX_DEPTH || !done.insert((place, property)) {
            return;
        }
        let Some(Property { default: Some(default), place: below, .. }) =
            self.places.get(place).and_then(|place| place.properties.get(property))
        else {
            return;
        };
        let (default, below) = (default.clone(), *below);
        let count = self.places.get(below).map_or(0, |place| place.properties.len());
        for inner in 0..count {
            self.complete_one(below, inner, done, depth + 1);
        }
        if let Some(filled) = self.fill_at(below, &default)
            && let Some(slot) =
                self.places.get_mut(place).and_then(|place| place.properties.get_mut(property))
        {
            slot.default = Some(filled);
        }
    }
}

struct Builder<'t> {
    tree: &'t Tree,
    places: Vec<Place>,
    known: HashMap<Vec<*const Keywords>, usize>,
    open: Vec<(usize, Vec<&'t Keywords>)>,
}

impl<'t> Builder<'t> {
    /// The place at which all of `schemas` hold.
    fn place(&mut self, schemas: Vec<&'t Json>) -> usize {
        let schemas = self.tree.gather(schemas, Reach::Certain);
        let key = schemas.iter().map(|schema| std::ptr::from_ref(*schema)).collect();
        if let Some(place) = self.known.get(&key) {
            return *place;
        }
        let place = self.places.len();
        self.places.push(Place::default());
        self.known.insert(key, place);
        self.open.push((place, schemas));
        place
    }

    fn fill(&mut self, place: usize, schemas: &[&'t Keywords]) {
        let mut properties: indexmap::IndexMap<&str, Vec<&'t Json>> = indexmap::IndexMap::new();
        let mut first: Vec<Vec<&'t Json>> = Vec::new();
        let mut items = Vec::new();
        for schema in schemas {
            let listed = schema.get("properties").and_then(Json::as_object);
            for (name, property) in listed.into_iter().flatten() {
                properties.entry(name).or_default().push(property);
            }
            let list = ["prefixItems", "items"].iter().find_map(|key| schema.get(*key)?.as_array());
            for (n, item) in list.into_iter().flatten().enumerate() {
                match first.get_mut(n) {
                    Some(schemas) => schemas.push(item),
                    None => first.push(vec![item]),
                }
            }
            items.extend(schema.get("items").filter(|items| !items.is_array()));
            items.extend(schema.get("additionalItems"));
        }
        let properties = properties
            .into_iter()
            .map(|(name, schemas)| {
                let all = self.tree.gather(schemas.iter().copied(), Reach::Certain);
                let default = all.iter().find_map(|schema| schema.get("default"));
                let default = default.and_then(|default| Value::deserialize(default).ok());
                Property { name: name.to_owned(), default, place: self.place(schemas) }
            })
            .collect();
        let first = first.into_iter().map(|schemas| self.place(schemas)).collect();
        let items = (!items.is_empty()).then(|| self.place(items));
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Place { properties, first, items, useful: false };
        }
    }
}
