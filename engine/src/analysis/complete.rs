//! What can be written at a place.

use std::ops::Range;

use super::names::{Names, about, shown};
use super::spot::{self, At, Part, Spot};
use super::tail::{self, Tail};
use super::{Known, Place, takes};
use crate::expression::filters;
use crate::reference::{Document, Field, Of, Rule, Takes};
use crate::source::Node;
use crate::steps::{self, VERBS};

/// The most that is proposed at once.
const MOST: usize = 500;

/// What can be written at a place.
#[derive(Debug, Default)]
pub struct Completions {
    /// The bytes that are there and would be replaced.
    pub replaced: Range<usize>,
    /// In the order in which they are shown.
    pub proposals: Vec<Proposal>,
}

/// One thing that can be written.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What is written and shown.
    pub label: String,
    /// What is written, where that is more.
    pub insert: Option<String>,
    /// What kind of thing it is.
    pub sort: Sort,
    /// A few words beside it.
    pub detail: String,
    /// Markdown.
    pub documentation: String,
}

/// Kinds of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A key of a map.
    Key,
    /// A verb.
    Verb,
    /// A word of a closed set.
    Word,
    /// A step.
    Step,
    /// A service, a topic or a pathway.
    Name,
    /// Something that an expression reads.
    Variable,
    /// A filter.
    Filter,
}

/// What can be written there.
#[must_use]
pub fn complete(known: &Known, place: Place<'_>) -> Completions {
    let spot = spot::spot(place.text, place.position);
    let Some(takes) = takes(place.document, &spot.path) else { return Completions::default() };
    let (mut proposals, replaced) = match &spot.at {
        At::Comment => return Completions::default(),
        At::Value(range) => match expression(known, place, &spot, range.clone(), takes) {
            Some(found) => found,
            None => (values(known, place, &spot, takes), plain(place, range.clone())),
        },
        At::Key(range) => {
            let mut found = keys(takes, &spot.siblings);
            if place.text.get(range.end..).is_some_and(|rest| rest.starts_with(':')) {
                found.iter_mut().for_each(|proposal| proposal.insert = None);
            }
            if spot.siblings.is_empty() {
                // A list or a text may begin here as well.
                match expression(known, place, &spot, range.clone(), takes) {
                    Some(inner) => return Completions { replaced: inner.1, proposals: inner.0 },
                    None => found.extend(values(known, place, &spot, takes)),
                }
            }
            if matches!(takes, Takes::Map(_)) || matches!(takes, Takes::List(_)) {
                found.extend(steps_of_tested(known, place, &spot));
            }
            (found, range.clone())
        }
    };
    proposals.truncate(MOST);
    Completions { replaced, proposals }
}

/// Keys that a map may have beside those that it has.
fn keys(takes: Takes, siblings: &[String]) -> Vec<Proposal> {
    let has = |name: &str| siblings.iter().any(|key| key == name);
    let has_verb = siblings.iter().any(|key| steps::verb(key).is_some());
    let has_return_alone =
        has("return") && siblings.iter().filter(|key| steps::verb(key).is_some()).count() == 1;
    let is_block = has("steps");
    let rules = rules(takes);
    let excluded = |name: &str| {
        rules.iter().any(|rule| match rule {
            Rule::AtMostOne(names) => names.contains(&name) && names.iter().any(|other| has(other)),
            _ => false,
        })
    };
    let fits = |field: &&Field| match takes {
        Takes::Step | Takes::Compensation if steps::verb(field.name).is_some() => {
            !has_verb || (is_block && field.name == "return") || (has_return_alone && field.name == "steps")
        }
        _ => true,
    };
    let fields = takes.keys();
    let left = fields.iter().filter(|field| !has(field.name) && !excluded(field.name)).filter(fits);
    left.map(|field| key(field, matches!(takes, Takes::Step | Takes::Compensation))).collect()
}

fn rules(takes: Takes) -> &'static [Rule] {
    match takes {
        Takes::Object(object) => object.rules,
        Takes::Call => steps::verb("http").map_or(&[], steps::Spec::rules),
        _ => &[],
    }
}

fn key(field: &Field, in_step: bool) -> Proposal {
    let verb = VERBS.iter().find(|verb| in_step && verb.name == field.name);
    Proposal {
        label: field.name.to_owned(),
        insert: Some(format!("{}: ", field.name)),
        sort: if verb.is_some() { Sort::Verb } else { Sort::Key },
        detail: field.takes.to_string().replace('`', ""),
        documentation: verb.map_or_else(|| field.documentation(), |verb| verb.documentation()),
    }
}

/// What stands as a value, beside expressions.
fn values(known: &Known, place: Place<'_>, spot: &Spot, takes: Takes) -> Vec<Proposal> {
    let simple = |label: &str, sort, detail: &str| Proposal {
        label: label.to_owned(),
        insert: None,
        sort,
        detail: detail.to_owned(),
        documentation: String::new(),
    };
    let words = takes.words();
    let mut found: Vec<Proposal> =
        words.iter().map(|(word, about)| simple(word, Sort::Word, about)).collect();
    for of in names_of(takes) {
        match of {
            Of::New => {}
            Of::Service => {
                found.extend(known.project.services.keys().map(|name| simple(name, Sort::Name, "service")));
            }
            Of::Topic => {
                found.extend(known.project.topics.listed().map(|name| simple(name, Sort::Name, "topic")));
            }
            Of::Pathway => found.extend(known.pathways().map(|name| simple(name, Sort::Name, "pathway"))),
            Of::Step => {
                let names = Names::at(known, place.path, place.document, &spot.path);
                let own = spot.path.iter().rev().find_map(|part| match part {
                    Part::Key(key) if names.steps.iter().any(|step| step.key.value == *key) => {
                        Some(key.clone())
                    }
                    _ => None,
                });
                let others = names.steps.iter().filter(|step| Some(&step.key.value) != own.as_ref());
                found.extend(others.map(|step| simple(&step.key.value, Sort::Step, verb_of(&step.value))));
            }
            Of::TestedStep => found.extend(steps_of_tested(known, place, spot)),
        }
    }
    found
}

fn names_of(takes: Takes) -> Vec<Of> {
    match takes {
        Takes::Name(of) => vec![of],
        Takes::OneOf(several) => several.iter().flat_map(|one| names_of(*one)).collect(),
        Takes::OrNothing(inner) => names_of(*inner),
        _ => Vec::new(),
    }
}

/// The steps of the pathway that a test file tests, where it names steps.
fn steps_of_tested(known: &Known, place: Place<'_>, spot: &Spot) -> Vec<Proposal> {
    let names_steps = spot.path.iter().any(|part| {
        matches!(part, Part::Key(key) if ["mocks", "done", "skipped", "calls", "steps"].contains(&key.as_str()))
    });
    if place.document != Document::Test || !names_steps {
        return Vec::new();
    }
    let tested =
        known.file(place.path).and_then(|file| file.node.get("test")?.as_text().map(|it| it.value.clone()));
    let Some(pathway) = tested.and_then(|name| known.pathway(&name)) else { return Vec::new() };
    let mut paths = Vec::new();
    super::symbols::paths(&pathway.node, &mut paths);
    let proposal = |(path, verb): (String, &'static str)| Proposal {
        label: path,
        insert: None,
        sort: Sort::Step,
        detail: verb.to_owned(),
        documentation: String::new(),
    };
    paths.into_iter().map(proposal).collect()
}

/// The verb of a step.
pub(super) fn verb_of(step: &Node) -> &'static str {
    let keys = step.as_map().unwrap_or_default().iter().map(|entry| entry.key.value.as_str());
    let mut verbs = keys.filter_map(steps::verb).map(|verb| verb.name);
    verbs.find(|name| *name != "return" || step.get("steps").is_none()).unwrap_or("")
}

/// What can stand at the end of an expression, if the place lies in one.
fn expression(
    known: &Known,
    place: Place<'_>,
    spot: &Spot,
    range: Range<usize>,
    takes: Takes,
) -> Option<(Vec<Proposal>, Range<usize>)> {
    let around = tail::expression(place.text, range, place.position, takes)?;
    let written = place.text.get(around.start..place.position)?;
    let names = Names::at(known, place.path, place.document, &spot.path);
    let variable = |label: String, detail: String, documentation: &str| Proposal {
        label,
        insert: None,
        sort: Sort::Variable,
        detail,
        documentation: documentation.to_owned(),
    };
    let (proposals, word) = match tail::tail(written) {
        Tail::Other => (Vec::new(), ""),
        Tail::Filter(word) => (all_filters(), word),
        Tail::Name(path, word) if path.is_empty() => {
            let all = names.all().into_iter();
            (all.map(|(name, shape, about)| variable(name, shown(&shape), about)).collect(), word)
        }
        Tail::Name(path, word) => {
            let inner = names.properties(&path).into_iter();
            let about = about(path.first().copied().unwrap_or_default());
            (inner.map(|(name, shape)| variable(name, shown(&shape), about)).collect(), word)
        }
    };
    Some((proposals, place.position - word.len()..place.position))
}

fn all_filters() -> Vec<Proposal> {
    let own = filters::all().map(|filter| Proposal {
        label: filter.name.to_owned(),
        insert: None,
        sort: Sort::Filter,
        detail: filter.signature(),
        documentation: filter.documentation(),
    });
    let native = filters::names().filter(|name| filters::all().all(|filter| filter.name != *name));
    let native = native.map(|name| Proposal {
        label: name.to_owned(),
        insert: None,
        sort: Sort::Filter,
        detail: "as in Jinja".to_owned(),
        documentation: String::new(),
    });
    own.chain(native).collect()
}

/// The part of a value before and after the cursor that would be replaced: one line of it.
fn plain(place: Place<'_>, range: Range<usize>) -> Range<usize> {
    let value = place.text.get(range.clone()).unwrap_or("");
    let end = range.start + value.find('\n').unwrap_or(value.len());
    if (range.start..=end).contains(&place.position) {
        range.start..end
    } else {
        place.position..place.position
    }
}
