//! Another name for a step: wherever it is read, waited for, and named by the tests of its pathway.

use std::ops::Range;

use super::spot::{self, At, Part};
use super::tail::{self, Tail};
use super::{Known, Place, Seen, is_bare, is_return, is_template, symbols, takes};
use crate::compile::step_path;
use crate::diagnostic::Diagnostics;
use crate::document::{RESERVED, scalar};
use crate::expression::{Expression, Segment};
use crate::reference::{Document, Of, Takes};
use crate::source::{self, Kind, Node, Sources, Span, Text};

/// Bytes of a file that get another text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The file.
    pub path: String,
    /// Where its text begins and ends that is replaced.
    pub start: usize,
    /// See above.
    pub end: usize,
}

/// The step that a place names: the bytes of its name there, and the name.
#[must_use]
pub fn renamable(place: Place<'_>) -> Option<(Range<usize>, String)> {
    let tree = tree(place.text)?;
    let (range, _) = target(place, &tree)?;
    let name = place.text.get(range.clone())?.to_owned();
    Some((range, name))
}

/// What gets the name `new` with the step that a place names.
///
/// # Errors
/// Why it cannot have that name.
pub fn rename(known: &Known, place: Place<'_>, new: &str) -> Result<Vec<Edit>, String> {
    let tree = tree(place.text).ok_or("the file has to be readable first: see its problems")?;
    let (_, step) = target(place, &tree).ok_or("only steps can be given another name")?;
    if !scalar::is_name(new) || RESERVED.contains(&new) {
        return Err(format!("`{new}` cannot be the name of a step: use lower-case letters, digits and `_`"));
    }
    let mut spans = Vec::new();
    let mut taken = false;
    symbols::walk(&tree, "", 0, &mut |path, entry| {
        let is_beside = parent(path) == parent(&step);
        taken |= is_beside && entry.key.value == new;
        if path == step {
            spans.push(entry.key.span);
        }
    });
    if taken {
        return Err(format!("there is a step `{new}` beside it"));
    }
    let name = step.rsplit('.').next().unwrap_or(&step).to_owned();
    let mut reads = Reads { known, text: place.text, name: &name, step: &step, found: Vec::new() };
    reads.walk(&tree, Takes::Object(Document::Pathway.object()), &mut Vec::new(), "");
    spans.extend(reads.found);
    let mut edits: Vec<Edit> =
        spans.iter().filter_map(|span| edit(place.path, place.text, *span, &name)).collect();
    let pathway = tree.get("pathway").and_then(Node::as_text).map(|text| text.value.clone());
    for file in known.files.iter().filter(|file| file.document == Document::Test) {
        let tested = file.node.get("test").and_then(Node::as_text).map(|text| text.value.clone());
        if tested.is_some() && tested == pathway {
            in_test(file, &file.node, Takes::Object(Document::Test.object()), &step, &mut edits);
        }
    }
    edits.sort();
    edits.dedup();
    Ok(edits)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn tree(text: &str) -> Option<Node> {
    let mut sources = Sources::new();
    let file = sources.add("", text);
    let mut diagnostics = Diagnostics::new();
    let node = source::parse(&sources, file, source::Limits::default(), &mut diagnostics)?;
    (!diagnostics.has_errors()).then_some(node)
}

/// The name at a place, and the path of its step.
fn target(place: Place<'_>, tree: &Node) -> Option<(Range<usize>, String)> {
    if place.document != Document::Pathway {
        return None;
    }
    let spot = spot::spot(place.text, place.position);
    let here = takes(place.document, &spot.path)?;
    let blocks = step_around(place.document, &spot.path);
    match spot.at {
        At::Key(range) if matches!(here, Takes::Steps) => {
            let name = place.text.get(range.clone())?;
            let path = if blocks.is_empty() { name.to_owned() } else { format!("{blocks}.{name}") };
            symbols::find(tree, &path).map(|_| (range, path))
        }
        At::Value(range) | At::Key(range) => {
            if let Some(around) = tail::expression(place.text, range.clone(), place.position, here) {
                let expression = place.text.get(around.clone())?;
                let (found, word) = tail::word(expression, place.position.checked_sub(around.start)?)?;
                let Tail::Name(before, name) = found else { return None };
                if before != ["steps"] {
                    return None;
                }
                let range = around.start + word.start..around.start + word.end;
                return Some((range, in_sight(tree, &blocks, name)?));
            }
            let is_step = match here {
                Takes::Name(Of::Step) => true,
                Takes::OneOf(several) => several.iter().any(|one| matches!(one, Takes::Name(Of::Step))),
                _ => false,
            };
            let name = place.text.get(range.clone())?;
            if !is_step || !scalar::is_name(name) {
                return None;
            }
            Some((range, in_sight(tree, &blocks, name)?))
        }
        At::Comment => None,
    }
}

/// The path of the innermost step around a place.
fn step_around(document: Document, path: &[Part]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (n, part) in path.iter().enumerate() {
        let here = path.get(..n).and_then(|before| takes(document, before));
        let Part::Key(key) = part else { continue };
        let is_handler = n == 0 || matches!(here, Some(Takes::Step | Takes::Compensation));
        match here {
            Some(Takes::Steps) => names.push(key),
            _ if is_handler && RESERVED.contains(&key.as_str()) => names.push(key),
            // It stands inside of its block, beside the steps there.
            Some(here) if is_return(here, part) => names.push(key),
            _ => {}
        }
    }
    names.join(".")
}

/// The path of the step that is called `name` for what stands in the step `around`.
fn in_sight(tree: &Node, around: &str, name: &str) -> Option<String> {
    let mut block = around;
    loop {
        block = parent(block);
        let path = if block.is_empty() { name.to_owned() } else { format!("{block}.{name}") };
        if symbols::find(tree, &path).is_some() {
            return Some(path);
        }
        if block.is_empty() {
            // What belongs to the whole pathway sees its steps, too.
            return symbols::find(tree, name).map(|_| name.to_owned());
        }
    }
}

/// Looks for what reads a step.
struct Reads<'a> {
    known: &'a Known,
    text: &'a str,
    name: &'a str,
    step: &'a str,
    found: Vec<Span>,
}

impl Reads<'_> {
    fn walk(&mut self, node: &Node, takes: Takes, path: &mut Vec<Part>, around: &str) {
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    let Some(inner) = takes.under(&entry.key.value) else { continue };
                    path.push(Part::Key(entry.key.value.clone()));
                    let around = step_around(Document::Pathway, path);
                    self.walk(&entry.value, inner, path, &around);
                    path.pop();
                }
            }
            Kind::List(items) => {
                for item in items {
                    let Some(inner) = takes.item() else { continue };
                    path.push(Part::Item);
                    self.walk(item, inner, path, around);
                    path.pop();
                }
            }
            Kind::Text(text) => self.text(text, takes, around),
            _ => {}
        }
    }

    fn text(&mut self, text: &Text, takes: Takes, around: &str) {
        let mut unheard = Diagnostics::new();
        let expression = if is_bare(takes) {
            Expression::optional(text, &mut unheard)
        } else if is_template(takes) {
            Expression::template(text, &self.known.variables, &mut unheard)
        } else {
            let names = |takes: &Takes| matches!(takes, Takes::Name(Of::Step));
            let is_step = match takes {
                Takes::OneOf(several) => several.iter().any(names),
                other => names(&other),
            };
            if is_step && text.value == self.name && parent(around) == parent(self.step) {
                self.found.push(text.span);
            }
            None
        };
        let reads = expression.as_ref().map(Expression::reads).unwrap_or_default();
        for read in reads {
            let is_it = matches!(read.path.first(), Some(Segment::Key(root)) if root == "steps")
                && matches!(read.path.get(1), Some(Segment::Key(name)) if name == self.name);
            if is_it && self.sees(around) {
                self.found.extend(self.inside(read.span));
            }
        }
    }

    /// Whether what stands in the step `around` means this step by its name: it stands in the same block, or
    /// in one inside.
    fn sees(&self, around: &str) -> bool {
        let block = parent(self.step);
        block.is_empty() || around.starts_with(&format!("{block}."))
    }

    /// The name in `steps.NAME…`.
    fn inside(&self, span: Span) -> Option<Span> {
        let written = self.text.get(span.start as usize..span.end as usize)?;
        let after = written.find("steps")? + "steps".len();
        let at = after + written.get(after..)?.find(self.name)?;
        Some(Span::new(span.file, span.start as usize + at, span.start as usize + at + self.name.len()))
    }
}

/// Names of steps in a test file.
fn in_test(file: &Seen, node: &Node, takes: Takes, step: &str, edits: &mut Vec<Edit>) {
    let name =
        |written: &str, span: Span, edits: &mut Vec<Edit>| edits.extend(part(file, written, span, step));
    for entry in node.as_map().unwrap_or_default() {
        let key = entry.key.value.as_str();
        if ["mocks", "done", "steps"].contains(&key) {
            for inner in entry.value.as_map().unwrap_or_default() {
                name(&inner.key.value, inner.key.span, edits);
            }
        }
        if ["skipped", "calls"].contains(&key) {
            for item in entry.value.as_list().unwrap_or_default() {
                if let Some(text) = item.as_text() {
                    name(&text.value, text.span, edits);
                }
            }
        }
        if let Some(takes @ (Takes::Map(_) | Takes::Object(_) | Takes::OrNothing(_))) = takes.under(key) {
            in_test(file, &entry.value, takes, step, edits);
        }
    }
}

/// The part of the name of a step in a test that is the name of `step`, or of a step around.
fn part(file: &Seen, written: &str, span: Span, step: &str) -> Option<Edit> {
    let own = written.split('/').next().unwrap_or(written);
    if own.contains(' ') {
        return None;
    }
    let path = step_path(own);
    if path != step && !path.starts_with(&format!("{step}.")) {
        return None;
    }
    let depth = step.matches('.').count();
    let before: usize = own.split('.').take(depth).map(|part| part.len() + 1).sum();
    let name = step.rsplit('.').next()?;
    let source = file.text.get(span.start as usize..span.end as usize)?;
    let start = span.start as usize + source.find(own)? + before;
    file.text.get(start..start + name.len()).filter(|text| *text == name)?;
    Some(Edit { path: file.path.clone(), start, end: start + name.len() })
}

/// The name within a span, whatever quotes are around it.
fn edit(path: &str, text: &str, span: Span, name: &str) -> Option<Edit> {
    let written = text.get(span.start as usize..span.end as usize)?;
    let start = span.start as usize + written.find(name)?;
    Some(Edit { path: path.to_owned(), start, end: start + name.len() })
}
