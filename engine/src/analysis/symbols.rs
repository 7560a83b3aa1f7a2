//! The steps of a file, as an editor lists them.

use std::ops::Range;

use super::complete::verb_of;
use crate::document::RESERVED;
use crate::source::{Entry, Node, Span};

/// Blocks in blocks.
const DEEPEST: usize = 60;

/// Something that an editor lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is: a verb, or what the file is.
    pub detail: String,
    /// The bytes of its name.
    pub range: Range<usize>,
    /// What is inside.
    pub inner: Vec<Symbol>,
}

/// The parts of a file: steps of a pathway, cases of a test, services of a project.
#[must_use]
pub fn symbols(node: &Node) -> Vec<Symbol> {
    let mut found = Vec::new();
    for entry in node.as_map().unwrap_or_default() {
        let inner = match entry.key.value.as_str() {
            "cases" | "services" | "topics" | "vars" => plain(&entry.value),
            "steps" => block(node, 0),
            "on_error" => block(&entry.value, 0),
            _ => Vec::new(),
        };
        let detail =
            entry.value.as_text().map(|text| text.value.chars().take(60).collect()).unwrap_or_default();
        found.push(Symbol { name: entry.key.value.clone(), detail, range: range(entry.key.span), inner });
    }
    found
}

fn plain(map: &Node) -> Vec<Symbol> {
    let entries = map.as_map().unwrap_or_default().iter();
    entries
        .map(|entry| Symbol {
            name: entry.key.value.clone(),
            detail: String::new(),
            range: range(entry.key.span),
            inner: Vec::new(),
        })
        .collect()
}

fn block(node: &Node, depth: usize) -> Vec<Symbol> {
    let steps = node.get("steps").and_then(Node::as_map).unwrap_or_default();
    steps
        .iter()
        .map(|step| Symbol {
            name: step.key.value.clone(),
            detail: verb_of(&step.value).to_owned(),
            range: range(step.key.span),
            inner: if depth < DEEPEST {
                inner_blocks(step).iter().flat_map(|(_, node)| block(node, depth + 1)).collect()
            } else {
                Vec::new()
            },
        })
        .collect()
}

/// The blocks in a step, each with what paths of its steps have after the step's own.
pub(super) fn inner_blocks(step: &Entry) -> Vec<(&'static str, &Node)> {
    let mut found = vec![("", &step.value)];
    let switch = step.value.get("switch");
    let cases = switch.and_then(|switch| switch.get("cases")).and_then(Node::as_map).unwrap_or_default();
    found.extend(cases.iter().map(|case| ("", &case.value)));
    found.extend(switch.and_then(|switch| switch.get("default")).map(|node| ("", node)));
    found.extend(RESERVED.iter().filter_map(|name| Some((*name, step.value.get(name)?))));
    found
}

/// All steps below `node`, as tests name them, with their verbs.
pub(super) fn paths(node: &Node, found: &mut Vec<(String, &'static str)>) {
    walk(node, "", 0, &mut |path, entry| found.push((path.to_owned(), verb_of(&entry.value))));
}

/// Where the name of the step of that path stands.
pub(super) fn find(node: &Node, path: &str) -> Option<Span> {
    let mut found = None;
    walk(node, "", 0, &mut |step, entry| {
        if step == path && found.is_none() {
            found = Some(entry.key.span);
        }
    });
    found
}

/// Shows all steps of a pathway or a block with their paths.
pub(super) fn walk<'a>(node: &'a Node, before: &str, depth: usize, show: &mut dyn FnMut(&str, &'a Entry)) {
    if depth > DEEPEST {
        return;
    }
    let join = |a: &str, b: &str| match (a.is_empty(), b.is_empty()) {
        (true, _) => b.to_owned(),
        (_, true) => a.to_owned(),
        _ => format!("{a}.{b}"),
    };
    for step in node.get("steps").and_then(Node::as_map).unwrap_or_default() {
        let path = join(before, &step.key.value);
        show(&path, step);
        for (name, inner) in inner_blocks(step) {
            walk(inner, &join(&path, name), depth + 1, show);
        }
    }
    if depth == 0
        && let Some(handler) = node.get("on_error")
    {
        walk(handler, "on_error", depth + 1, show);
    }
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}
