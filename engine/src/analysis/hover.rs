//! What something is that stands at a place.

use std::ops::Range;

use super::names::{Names, about, shown};
use super::spot::{self, At, Part};
use super::tail::{self, Tail};
use super::{Known, Place, takes};
use crate::expression::filters;
use crate::reference::{Of, Takes};
use crate::source::Node;
use crate::steps;

/// What is told of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// The bytes that it is about.
    pub range: Range<usize>,
    /// Markdown.
    pub text: String,
}

/// What stands there, if anything is known of it.
#[must_use]
pub fn hover(known: &Known, place: Place<'_>) -> Option<Hover> {
    let spot = spot::spot(place.text, place.position);
    let takes = takes(place.document, &spot.path)?;
    match spot.at {
        At::Comment => None,
        At::Key(range) => {
            let written = place.text.get(range.clone())?.trim_matches(['"', '\'']);
            if let Takes::Steps = takes {
                let names = Names::at(known, place.path, place.document, &spot.path);
                let shape = names.shape(&["steps", written]);
                let entry = names.steps.iter().find(|entry| entry.key.value == written);
                let verb = entry.and_then(|entry| steps::verb(super::complete::verb_of(&entry.value)));
                let does = verb.map_or_else(String::new, |verb| format!("\n\n{}", verb.documentation()));
                let output = shape.map_or_else(String::new, |shape| format!("\n\nHere: {}", shown(&shape)));
                return Some(Hover { range, text: format!("step `{written}`{does}{output}") });
            }
            let field = takes.keys().into_iter().find(|field| field.name == written)?;
            let is_step = matches!(takes, Takes::Step | Takes::Compensation);
            let verb = steps::verb(written).filter(|_| is_step);
            let text = verb.map_or_else(|| field.documentation(), steps::Spec::documentation);
            Some(Hover { range, text })
        }
        At::Value(range) => {
            let Some(around) = tail::expression(place.text, range.clone(), place.position, takes) else {
                return value(known, place, range, takes);
            };
            let expression = place.text.get(around.clone())?;
            let (found, word) = tail::word(expression, place.position.checked_sub(around.start)?)?;
            let range = around.start + word.start..around.start + word.end;
            let text = match found {
                Tail::Other => return None,
                Tail::Filter(name) => filters::all().find(|filter| filter.name == name)?.documentation(),
                Tail::Name(mut path, name) => {
                    let names = Names::at(known, place.path, place.document, &spot.path);
                    path.push(name);
                    let shape = names.shape(&path)?;
                    let what = if let [root] = path.as_slice() { about(root) } else { "" };
                    let what = if what.is_empty() { String::new() } else { format!("{what}\n\n") };
                    format!("`{}`\n\n{what}{}", path.join("."), shown(&shape))
                }
            };
            Some(Hover { range, text })
        }
    }
}

/// A word, or the name of something.
fn value(known: &Known, place: Place<'_>, range: Range<usize>, takes: Takes) -> Option<Hover> {
    let written = place.text.get(range.clone())?.trim().trim_matches(['"', '\'']);
    if let Some((word, about)) =
        takes.words().iter().find(|(word, about)| *word == written && !about.is_empty())
    {
        return Some(Hover { range, text: format!("`{word}`: {about}") });
    }
    let text = match takes {
        Takes::Name(Of::Service) => {
            let service = known.project.services.get(written)?;
            let url = if service.url.secret { "…" } else { &service.url.value };
            format!("service `{written}`\n\n`{url}`")
        }
        Takes::Name(Of::Pathway) => {
            let file = known.pathway(written)?;
            let summary = file.node.get("summary").and_then(Node::as_text).map_or("", |text| &text.value);
            format!("pathway `{written}`\n\n{summary}\n\n`{}`", file.path)
        }
        Takes::Name(Of::Topic) => {
            format!("topic `{written}`\n\non the bus: `{}`", known.project.topics.real(written))
        }
        _ => return None,
    };
    Some(Hover { range, text })
}

/// For those who look for a step: the names on the way to a place.
pub(super) fn keys(path: &[Part]) -> Vec<&str> {
    path.iter()
        .filter_map(|part| match part {
            Part::Key(key) => Some(key.as_str()),
            Part::Item => None,
        })
        .collect()
}
