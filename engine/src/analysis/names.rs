//! The names that an expression at a place can read, and what they look like.

use indexmap::IndexMap;

use super::spot::Part;
use super::{Known, Seen, is_return, takes};
use crate::document::MODIFIERS;
use crate::project::Project;
use crate::reference::{Document, Takes};
use crate::schema::{Lookup, Shape};
use crate::source::{Entry, Node, Span};

/// What can be named at a place.
pub(super) struct Names<'a> {
    file: Option<&'a Seen>,
    project: &'a Project,
    /// Roots beside the usual ones, or instead of them.
    roots: IndexMap<String, Shape>,
    /// Steps in sight, innermost first.
    pub(super) steps: Vec<&'a Entry>,
    /// Whether there are no others than `roots`.
    is_narrow: bool,
}

impl<'a> Names<'a> {
    /// Those at the end of `path`.
    pub(super) fn at(known: &'a Known, file: &str, document: Document, path: &[Part]) -> Self {
        let seen = known.file(file);
        let mut names = Self {
            file: seen,
            project: &known.project,
            roots: IndexMap::new(),
            steps: Vec::new(),
            is_narrow: false,
        };
        names.narrow(document, path);
        if let Some(seen) = seen {
            names.blocks(seen, document, path);
        }
        names
    }

    /// Fields that see few names.
    fn narrow(&mut self, document: Document, path: &[Part]) {
        let keys: Vec<&str> = path
            .iter()
            .filter_map(|part| match part {
                Part::Key(key) => Some(key.as_str()),
                Part::Item => None,
            })
            .collect();
        let only: &[&str] = match (document, keys.as_slice()) {
            (Document::Feed, ["require" | "for", ..]) => &["query", "auth"],
            (Document::Feed, _) => &["record"],
            (Document::Pathway, ["on", "reply" | "http", "emit", ..]) => &["emitted"],
            (Document::Pathway, ["on", "reply" | "http", "error", ..]) => &["error"],
            (Document::Pathway, ["on", "reply" | "http", "done", ..]) => &[],
            (Document::Pathway, ["on", "schedule", "input", ..]) => &["scheduled_at"],
            (Document::Pathway, ["on", "key" | "id" | "subject"] | ["max_runs", "per"]) => &["input", "auth"],
            (_, [.., "http", "pick"]) => &["chunk"],
            (Document::Project, _) => &["auth"],
            _ => return,
        };
        let shape = |name| self.root(name).unwrap_or_else(|| given(name));
        self.roots = only.iter().map(|name| ((*name).to_owned(), shape(name))).collect();
        self.is_narrow = true;
    }

    /// What the blocks and steps around the place bring.
    fn blocks(&mut self, seen: &'a Seen, document: Document, path: &[Part]) {
        let mut node = Some(&seen.node);
        let mut step: Option<&Entry> = None;
        for n in 0..=path.len() {
            let here = path.get(..n).and_then(|before| takes(document, before));
            let Some(part) = path.get(n) else {
                // Among the steps themselves.
                if let (Some(Takes::Steps), Some(map)) = (here, node.and_then(Node::as_map)) {
                    self.steps.splice(0..0, map);
                }
                return;
            };
            let entry = match part {
                Part::Key(key) => node
                    .and_then(Node::as_map)
                    .and_then(|entries| entries.iter().find(|entry| entry.key.value == *key)),
                Part::Item => None,
            };
            if let (Some(Takes::Steps), Some(map)) = (here, node.and_then(Node::as_map)) {
                self.steps.splice(0..0, map);
                step = entry;
            }
            // What a block returns sees the steps of the block.
            if here.is_some_and(|here| is_return(here, part)) {
                let own = node.and_then(|node| node.get("steps")).and_then(Node::as_map);
                self.steps.splice(0..0, own.unwrap_or_default());
            }
            if let (Some(Takes::Step | Takes::Compensation), Part::Key(key)) = (here, part)
                && let Some(step) = step
            {
                self.bound(seen, step, key);
                if key == "set"
                    && let Some(Part::Key(name)) = path.get(n + 1)
                {
                    let values = entry.and_then(|entry| entry.value.as_map()).unwrap_or_default();
                    let above = values.iter().take_while(|value| value.key.value != *name);
                    self.roots.extend(above.map(|value| (value.key.value.clone(), Shape::Any)));
                }
            }
            let is_handler = matches!(part, Part::Key(key) if key == "on_error");
            if is_handler && !self.is_narrow {
                self.roots.insert("error".to_owned(), given("error"));
            }
            node = match part {
                Part::Key(_) => entry.map(|entry| &entry.value),
                Part::Item => node.and_then(Node::as_list).and_then(<[Node]>::first),
            };
        }
    }

    /// What a step binds for what stands under `key` in it.
    fn bound(&mut self, seen: &Seen, step: &Entry, key: &str) {
        if self.is_narrow || ["needs", "when", "each"].contains(&key) {
            return;
        }
        let has = |name: &str| step.value.get(name).is_some();
        if has("each") {
            let written = step.value.get("as").and_then(Node::as_text).map(|text| text.value.clone());
            let noted = seen.notes.as_ref().and_then(|notes| notes.items.get(&step.key.span)).cloned();
            let (name, shape) =
                noted.unwrap_or_else(|| (written.unwrap_or_else(|| "item".to_owned()), Shape::Any));
            self.roots.insert(name, shape);
            self.roots.insert("index".to_owned(), Shape::Scalar);
        }
        let is_modifier = MODIFIERS.fields.iter().any(|field| field.name == key);
        if has("while") && (key == "while" || !is_modifier) {
            self.roots.insert("last".to_owned(), Shape::Any);
        }
        if has("retry") && !is_modifier {
            self.roots.insert("error".to_owned(), given("error"));
        }
    }

    /// All names that an expression can begin with, each with what it looks like and a word about it.
    pub(super) fn all(&self) -> Vec<(String, Shape, &'static str)> {
        let own = self.roots.iter().map(|(name, shape)| (name.clone(), shape.clone(), about(name)));
        let usual = ["input", "steps", "vars", "auth", "run"].iter().filter(|_| !self.is_narrow);
        own.chain(usual.map(|name| ((*name).to_owned(), self.root(name).unwrap_or(Shape::Any), about(name))))
            .collect()
    }

    fn root(&self, name: &str) -> Option<Shape> {
        if let Some(shape) = self.roots.get(name) {
            return Some(shape.clone());
        }
        if self.is_narrow {
            return None;
        }
        let notes = self.file.and_then(|file| file.notes.as_ref());
        match name {
            "input" => Some(notes.map_or(Shape::Any, |notes| notes.input.clone())),
            "vars" => {
                let own = notes.into_iter().flat_map(|notes| &notes.vars);
                let own = own.map(|(name, shape)| (name.clone(), shape.clone()));
                let of_project =
                    self.project.vars.iter().map(|(name, var)| (name.clone(), Shape::of(&var.value)));
                Some(Shape::object(of_project.chain(own)))
            }
            "steps" => Some(Shape::object(
                self.steps.iter().rev().map(|step| (step.key.value.clone(), self.output(step.key.span))),
            )),
            "auth" | "run" => Some(given(name)),
            _ => None,
        }
    }

    /// What the output of the step whose name stands there looks like.
    fn output(&self, name: Span) -> Shape {
        let notes = self.file.and_then(|file| file.notes.as_ref());
        notes.and_then(|notes| notes.outputs.get(&name)).cloned().unwrap_or(Shape::Any)
    }

    /// What the value at the end of these names looks like.
    pub(super) fn shape(&self, path: &[&str]) -> Option<Shape> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.root(first)?, |shape, name| {
            // Of a list, what its items have: an index may have been left out of the path.
            let shape = match shape.bare() {
                Shape::List(item) => (**item).clone(),
                _ => shape,
            };
            match shape.at_key(name) {
                Lookup::Found(inner) => Some(inner),
                _ => None,
            }
        })
    }

    /// The properties of the value at the end of these names.
    pub(super) fn properties(&self, path: &[&str]) -> Vec<(String, Shape)> {
        let Some(shape) = self.shape(path) else { return Vec::new() };
        let bare = match shape.bare() {
            Shape::List(item) => item.bare(),
            other => other,
        };
        match bare {
            Shape::Object { properties, .. } => {
                properties.iter().map(|(name, shape)| (name.clone(), shape.clone())).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What a name looks like that the engine gives.
fn given(name: &str) -> Shape {
    let scalars =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Shape::Scalar)).collect::<Vec<_>>();
    match name {
        "auth" => Shape::object(
            scalars(&["sub", "role", "has_token"]).into_iter().chain([("claims".to_owned(), Shape::Any)]),
        ),
        "run" => Shape::object(scalars(&["id", "pathway", "started_at", "attempt"])),
        "error" => Shape::object(
            scalars(&["class", "message", "code", "status", "step", "attempts"])
                .into_iter()
                .chain(["details", "pointers", "compensation"].map(|name| (name.to_owned(), Shape::Any))),
        ),
        "record" => Shape::object(
            scalars(&["key", "topic", "partition", "offset", "time"])
                .into_iter()
                .chain(["value", "headers"].map(|name| (name.to_owned(), Shape::Any))),
        ),
        "scheduled_at" => Shape::Scalar,
        _ => Shape::Any,
    }
}

/// What a name stands for.
pub(super) fn about(name: &str) -> &'static str {
    match name {
        "input" => "the input of the run",
        "steps" => "outputs of steps, by name",
        "vars" => "variables of the pathway and of the project",
        "auth" => "who asks",
        "run" => "the run itself",
        "error" => "the failure that is handled",
        "index" => "the number of the item, from 0",
        "last" => "what the run before put out",
        "chunk" => "a piece of the stream",
        "emitted" => "what was emitted",
        "scheduled_at" => "when the run was due",
        "record" => "the record",
        "query" => "the query of the request",
        _ => "bound here",
    }
}

/// A shape in a few words.
pub(super) fn shown(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any value".to_owned(),
        Shape::Scalar => "text, number or boolean".to_owned(),
        Shape::List(item) => format!("list of: {}", shown(item)),
        Shape::Secret(inner) => format!("secret {}", shown(inner)),
        Shape::Optional(inner) => format!("{}, or none", shown(inner)),
        Shape::Object { properties, open } => {
            const SHOWN: usize = 12;
            let mut names: Vec<&str> = properties.keys().take(SHOWN).map(String::as_str).collect();
            if *open || properties.len() > SHOWN {
                names.push("…");
            }
            format!("map `{{{}}}`", names.join(", "))
        }
    }
}
