//! The schema as JSON, with its references followed.

use jsonschema::Draft;
use serde_json::{Map, Value as Json};

use super::reference::Targets;

/// A schema that is a map.
pub(super) type Keywords = Map<String, Json>;

/// The root of a schema and what its references name.
#[derive(Debug)]
pub(super) struct Tree {
    root: Json,
    targets: Targets,
    draft: Draft,
}

/// Which subschemas of the same value to gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that hold of every value: through `$ref` and `allOf`.
    Certain,
    /// Those that may hold: also through `anyOf`, `oneOf`, `if` and the like.
    Possible,
}

impl Tree {
    pub(super) fn new(root: Json, targets: Targets, draft: Draft) -> Self {
        Self { root, targets, draft }
    }

    pub(super) fn root(&self) -> &Json {
        &self.root
    }

    pub(super) fn draft(&self) -> Draft {
        self.draft
    }

    /// JSON Pointer to what `reference` names.
    pub(super) fn pointer(&self, reference: &str) -> Option<&str> {
        self.targets.pointer(reference)
    }

    /// What a `$ref` of `schema` names.
    pub(super) fn target<'t>(&'t self, schema: &'t Keywords) -> impl Iterator<Item = &'t Json> + 't {
        ["$ref", "$dynamicRef"].into_iter().filter_map(|key| {
            let pointer = self.pointer(schema.get(key)?.as_str()?)?;
            self.root.pointer(pointer)
        })
    }

    /// Whether only the `$ref` of `schema` counts: up to draft 7, what stands beside it has no
    /// effect.
    pub(super) fn is_lone_reference(&self, schema: &Keywords) -> bool {
        self.draft <= Draft::Draft7 && schema.contains_key("$ref")
    }

    /// `schemas` and all that the same value is held against with them, each once.
    pub(super) fn gather<'t>(
        &'t self,
        schemas: impl IntoIterator<Item = &'t Json>,
        reach: Reach,
    ) -> Vec<&'t Keywords> {
        let mut found: Vec<&Keywords> = Vec::new();
        let mut open: Vec<&Json> = schemas.into_iter().collect();
        open.reverse();
        let mut seen = std::collections::HashSet::new();
        while let Some(schema) = open.pop() {
            let Some(schema) = schema.as_object() else { continue };
            if !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            let mut next: Vec<&Json> = self.target(schema).collect();
            if !self.is_lone_reference(schema) {
                // One that only refers says nothing itself.
                if schema.len() > 1 || !schema.contains_key("$ref") {
                    found.push(schema);
                }
                let lists: &[&str] = match reach {
                    Reach::Certain => &["allOf"],
                    Reach::Possible => &["allOf", "anyOf", "oneOf"],
                };
                for key in lists {
                    next.extend(schema.get(*key).and_then(Json::as_array).into_iter().flatten());
                }
                if reach == Reach::Possible {
                    next.extend(["if", "then", "else"].iter().filter_map(|key| schema.get(*key)));
                    for key in ["dependentSchemas", "dependencies"] {
                        next.extend(
                            schema.get(key).and_then(Json::as_object).into_iter().flat_map(Map::values),
                        );
                    }
                }
            }
            open.extend(next.into_iter().rev());
        }
        found
    }
}
