//! JSON Schema: compiled once, checked without conversion, asked what it admits.
//!
//! A schema arrives as the spanned tree of a YAML or JSON file, so that each of its mistakes is
//! reported where it stands. It refers to nothing outside itself, its formats are asserted, and
//! its patterns are matched in linear time.

mod bundle;
mod defaults;
mod derive;
mod instance;
mod keyword;
mod reference;
mod secrets;
mod shape;
mod survey;
mod tree;
mod violation;
mod wording;

pub(crate) use keyword::names as keywords;
pub use shape::{Lookup, Shape};
pub use violation::Violation;

use std::collections::HashSet;
use std::sync::Arc;

use jsonschema::{PatternOptions, Retrieve, ValidationOptions, Validator};
use regex::RegexBuilder;
use serde::Deserialize as _;

use self::defaults::Defaults;
use self::instance::Native;
use self::reference::TOO_LARGE;
use self::survey::{MALFORMED, Survey};
use self::tree::Tree;
use crate::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Node;

const INVALID_PATTERN: Code = Code("PW0407");
const INVALID_DEFAULT: Code = Code("PW0409");

/// Memory that one compiled regular expression may take.
const PATTERN_SIZE: usize = 2 << 20;
const MAX_PATTERNS: usize = 1_000;
const MAX_SUBSCHEMAS: usize = 20_000;

/// A compiled JSON Schema.
#[derive(Debug)]
pub struct Schema {
    tree: Tree,
    validator: Validator<Native>,
    defaults: Option<Defaults>,
    has_secret: bool,
    secrets: Vec<String>,
    shape: Shape,
}

impl Schema {
    /// Compiles a schema: draft 2020-12 unless `$schema` says otherwise, local `$ref` only,
    /// formats asserted, misspelt keywords diagnosed at their place. `None` if anything was
    /// reported.
    pub fn compile(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut problems = Diagnostics::new();
        let schema = compile(node, &mut problems);
        let schema = schema.filter(|_| !problems.has_errors());
        diagnostics.extend(problems);
        schema
    }

    /// Fills in defaults and checks the result. Where there is nothing to fill in, the result
    /// is `value` itself, shared.
    ///
    /// # Errors
    /// All violations (up to 1,000), ordered by pointer.
    pub fn check(&self, value: &Value) -> Result<Value, Vec<Violation>> {
        let Some(plain) = instance::plain(value) else {
            let detail = format!("is nested more than {} levels deep", instance::MAX_DEPTH);
            return Err(vec![Violation::new("", detail, "depth")]);
        };
        let value = match &self.defaults {
            Some(defaults) => defaults.fill(&plain),
            None => plain.into_owned(),
        };
        if self.validator.is_valid(&value) {
            return Ok(value);
        }
        Err(violation::translate(self.validator.iter_errors(&value), self.tree.root()))
    }

    /// What a value that passes looks like.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The schema itself, for digests and OpenAPI.
    #[must_use]
    pub fn json(&self) -> &serde_json::Value {
        self.tree.root()
    }

    /// JSON Pointers to all that is `writeOnly`, with `*` for every item of a list and every
    /// property without a name of its own. Of a recursive schema, the first turn only; what
    /// [`Schema::replace_secrets`] finds is complete.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Replaces each part of `value` that is `writeOnly`, at any depth. A part counts as secret
    /// if any subschema that may hold of it says so, also if the value breaks the schema.
    pub fn replace_secrets(&self, value: &Value, replace: &mut dyn FnMut(&Value) -> Value) -> Value {
        if !self.has_secret {
            return value.clone();
        }
        match instance::plain(value) {
            Some(plain) => secrets::replace(&self.tree, &plain, replace),
            None => replace(value),
        }
    }

    /// `value` with asterisks in place of secrets, for display.
    #[must_use]
    pub fn mask(&self, value: &Value) -> Value {
        self.replace_secrets(value, &mut secrets::mask)
    }
}

fn compile(node: &Node, diagnostics: &mut Diagnostics) -> Option<Schema> {
    let options = options();
    let survey = survey::survey(node, &options, diagnostics);
    if survey.sites.len() > MAX_SUBSCHEMAS || survey.patterns.len() > MAX_PATTERNS {
        diagnostics.push(too_large(node));
        return None;
    }
    let targets = reference::resolve(&survey, diagnostics);
    check_patterns(&survey, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    let json = node.to_json();
    let validator = match options.with_draft(survey.draft).build(&json) {
        Ok(validator) => validator,
        Err(error) => {
            let span = find(node, error.instance_path().as_str()).span;
            diagnostics.push(
                Diagnostic::error(MALFORMED, "this is not valid in a JSON Schema")
                    .at(span, error.to_string())
                    .help("see what the keyword takes in the draft that `$schema` names"),
            );
            return None;
        }
    };
    let tree = Tree::new(json, targets, survey.draft);
    let defaults = match survey.has_default {
        true => match Defaults::of(&tree, tree.root()) {
            Some(defaults) => Some(defaults),
            None => {
                diagnostics.push(too_large(node));
                return None;
            }
        },
        false => None,
    };
    check_defaults(&survey, &tree, diagnostics);
    let secrets = if survey.has_secret { secrets::pointers(&tree) } else { Vec::new() };
    let shape = derive::shape(&tree);
    Some(Schema { tree, validator, defaults, has_secret: survey.has_secret, secrets, shape })
}

fn options<'o>() -> ValidationOptions<'o, Arc<dyn Retrieve>, Native> {
    jsonschema::options_for::<Native>()
        .offline()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE))
}

fn too_large(node: &Node) -> Diagnostic {
    Diagnostic::error(
        TOO_LARGE,
        format!("this schema has more than {MAX_SUBSCHEMAS} parts or {MAX_PATTERNS} patterns"),
    )
    .at(node.span, "too large")
    .help("split it, or check less")
}

/// Compiles each pattern by itself, so that what is wrong can be said at its place.
fn check_patterns(survey: &Survey, diagnostics: &mut Diagnostics) {
    let mut seen = HashSet::new();
    for pattern in survey.patterns.iter().filter(|pattern| seen.insert(pattern.value.as_str())) {
        // The validator decides; the reason is found by asking the engine under it.
        let accepted = options().build(&serde_json::json!({ "pattern": pattern.value })).is_ok();
        let reason = RegexBuilder::new(&pattern.value).size_limit(PATTERN_SIZE).build().err();
        let (message, help) = match (&reason, accepted) {
            (Some(regex::Error::CompiledTooBig(_)), _) => (
                "this pattern is too large once it is compiled",
                "lower its repetition counts, or use `maxLength`",
            ),
            (_, true) => continue,
            (_, false) => (
                "this pattern is no regular expression that can be matched in linear time",
                "look-around and back-references are not supported; in double quotes write `\\\\` for `\\`",
            ),
        };
        let reason = reason.map(|error| error.to_string()).unwrap_or_default();
        let label = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        diagnostics.push(Diagnostic::error(INVALID_PATTERN, message).at(pattern.span, label).help(help));
    }
}

/// A default that its own schema refuses would fail every run that relies on it.
fn check_defaults(survey: &Survey, tree: &Tree, diagnostics: &mut Diagnostics) {
    if !survey.has_default {
        return;
    }
    let Ok(validators) = options().with_draft(survey.draft).build_map(tree.root()) else { return };
    for site in &survey.sites {
        let Some(span) = site.default else { continue };
        let Some(default) = tree.root().pointer(&format!("{}/default", site.pointer)) else { continue };
        let Ok(default) = Value::deserialize(default) else { continue };
        let schema = tree.root().pointer(&site.pointer).and_then(|schema| Defaults::of(tree, schema));
        let default = schema.map_or(default.clone(), |defaults| defaults.fill(&default));
        let Some(validator) = validators.get(&format!("#{}", site.pointer)) else { continue };
        if let Some(first) = violation::translate(validator.iter_errors(&default), tree.root()).first() {
            let place =
                if first.pointer.is_empty() { String::new() } else { format!("`{}` ", first.pointer) };
            diagnostics.push(
                Diagnostic::error(INVALID_DEFAULT, "this default does not meet its own schema")
                    .at(span, format!("{place}{}", first.detail))
                    .help("change the default or what the schema demands"),
            );
        }
    }
}

/// The node that `pointer` names, or the nearest around it.
fn find<'n>(root: &'n Node, pointer: &str) -> &'n Node {
    let mut node = root;
    for segment in pointer.split('/').skip(1) {
        let key = segment.replace("~1", "/").replace("~0", "~");
        let below = node.get(&key).or_else(|| node.as_list()?.get(key.parse::<usize>().ok()?));
        match below {
            Some(below) => node = below,
            None => break,
        }
    }
    node
}
