//! Where what stands at a place was made.

use std::ops::Range;

use super::hover::keys;
use super::names::Names;
use super::spot::{self, At, Part};
use super::tail::{self, Tail};
use super::{Known, Place, Seen, at, takes};
use crate::compile::step_path;
use crate::reference::{Document, Of, Takes};
use crate::source::{Node, Span};

/// A place in another file, or in the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// In a file of the project that was read.
    Place {
        /// The file.
        path: String,
        /// Bytes of the text that was read of it.
        range: Range<usize>,
    },
    /// A file, as the file of this place calls it.
    File(String),
}

/// Where that was made.
#[must_use]
pub fn definition(known: &Known, place: Place<'_>) -> Option<Target> {
    let spot = spot::spot(place.text, place.position);
    let takes = takes(place.document, &spot.path)?;
    let names = Names::at(known, place.path, place.document, &spot.path);
    let (At::Value(range) | At::Key(range)) = spot.at else { return None };
    let step = |name: &str| {
        let entry = names.steps.iter().find(|entry| entry.key.value == name)?;
        Some(there(place.path, entry.key.span))
    };
    if let Some(around) = tail::expression(place.text, range.clone(), place.position, takes) {
        let expression = place.text.get(around.clone())?;
        let (found, _) = tail::word(expression, place.position.checked_sub(around.start)?)?;
        let Tail::Name(mut path, name) = found else { return None };
        path.push(name);
        return match path.as_slice() {
            ["steps", name, ..] => step(name),
            ["vars", name, ..] => variable(known, place.path, name),
            ["input", ..] => known.file(place.path).and_then(|file| key(file, &["input"])),
            [name] => alias(known, place, &spot.path, name),
            _ => None,
        };
    }
    let written = place.text.get(range)?.trim().trim_matches(['"', '\'']);
    if place.document == Document::Test
        && let Some(target) = tested(known, place, &spot.path, written)
    {
        return Some(target);
    }
    named(known, takes, written, &step)
}

/// What a value names.
fn named(
    known: &Known,
    takes: Takes,
    written: &str,
    step: &dyn Fn(&str) -> Option<Target>,
) -> Option<Target> {
    match takes {
        Takes::Name(Of::Service) => key(project(known)?, &["services", written]),
        Takes::Name(Of::Topic) => key(project(known)?, &["topics", written]),
        Takes::Name(Of::Pathway) => known.pathway(written).and_then(|file| key(file, &["pathway"])),
        Takes::Name(Of::Step) => step(written),
        Takes::Schema if !written.is_empty() && !written.contains(['{', '\n']) => {
            Some(Target::File(written.to_owned()))
        }
        Takes::OneOf(several) => several.iter().find_map(|one| named(known, *one, written, step)),
        _ => None,
    }
}

/// The step that a test file names.
fn tested(known: &Known, place: Place<'_>, path: &[Part], written: &str) -> Option<Target> {
    let names_steps =
        keys(path).iter().any(|key| ["mocks", "done", "skipped", "calls", "steps"].contains(key));
    if !names_steps {
        return None;
    }
    let name = known.file(place.path)?.node.get("test")?.as_text()?;
    let file = known.pathway(&name.value)?;
    super::symbols::find(&file.node, &step_path(written)).map(|span| there(&file.path, span))
}

fn variable(known: &Known, path: &str, name: &str) -> Option<Target> {
    let own = known.file(path).and_then(|file| key(file, &["vars", name]));
    own.or_else(|| key(project(known)?, &["vars", name]))
}

/// The `as` or `each` that binds a name.
fn alias(known: &Known, place: Place<'_>, path: &[Part], name: &str) -> Option<Target> {
    let file = known.file(place.path)?;
    (0..=path.len()).rev().find_map(|n| {
        let before = path.get(..n)?;
        let Takes::Step = takes(place.document, before)? else { return None };
        let step = at(&file.node, before)?;
        let entry = |key: &str| step.as_map()?.iter().find(|entry| entry.key.value == key);
        match (entry("each"), entry("as")) {
            (Some(_), Some(alias)) if alias.value.as_text()?.value == name => {
                Some(there(&file.path, alias.value.span))
            }
            (Some(each), None) if name == "item" => Some(there(&file.path, each.key.span)),
            _ => None,
        }
    })
}

fn project(known: &Known) -> Option<&Seen> {
    known.files.iter().find(|file| file.document == Document::Project)
}

/// The last of these keys, each in the one before.
fn key(file: &Seen, path: &[&str]) -> Option<Target> {
    let (last, before) = path.split_last()?;
    let map = before.iter().try_fold(&file.node, |node, key| node.get(key)).and_then(Node::as_map)?;
    let entry = map.iter().find(|entry| entry.key.value == *last)?;
    Some(there(&file.path, entry.key.span))
}

fn there(path: &str, span: Span) -> Target {
    Target::Place { path: path.to_owned(), range: span.start as usize..span.end as usize }
}
