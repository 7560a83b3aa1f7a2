//! Merge keys: `<<` with a map, or a list of maps.
//!
//! Keys that the map itself has win, then those of the earlier map of a list. The merged keys
//! stand where `<<` stood, because the order of keys can mean something.

use std::collections::HashSet;

use super::{Entry, Kind, Node, Span};
use crate::diagnostic::{Code, Diagnostic};

const NOT_A_MAP: Code = Code("PW0120");

/// A `<<` that was met before entry `at`.
pub(super) struct Merge {
    pub(super) at: usize,
    pub(super) key: Span,
    pub(super) value: Node,
}

pub(super) fn expand(
    entries: Vec<Entry>,
    merges: Vec<Merge>,
    mut report: impl FnMut(Diagnostic),
) -> Vec<Entry> {
    if merges.is_empty() {
        return entries;
    }
    let mut seen: HashSet<String> = entries.iter().map(|entry| entry.key.value.clone()).collect();
    let mut merges = merges.into_iter().peekable();
    let mut expanded = Vec::with_capacity(entries.len());
    let mut splice = |merge: Merge, expanded: &mut Vec<Entry>| {
        for map in maps(merge, &mut report) {
            expanded.extend(map.into_iter().filter(|entry| seen.insert(entry.key.value.clone())));
        }
    };
    for (n, entry) in entries.into_iter().enumerate() {
        while let Some(merge) = merges.next_if(|merge| merge.at <= n) {
            splice(merge, &mut expanded);
        }
        expanded.push(entry);
    }
    for merge in merges {
        splice(merge, &mut expanded);
    }
    expanded
}

fn maps(merge: Merge, report: &mut impl FnMut(Diagnostic)) -> Vec<Vec<Entry>> {
    let values = match merge.value.kind {
        Kind::List(items) => items,
        _ => vec![merge.value],
    };
    let mut maps = Vec::with_capacity(values.len());
    for value in values {
        match value.kind {
            Kind::Map(entries) => maps.push(entries),
            other => report(
                Diagnostic::error(NOT_A_MAP, format!("`<<` takes a map, not {}", other.noun()))
                    .at(value.span, "not a map")
                    .at(merge.key, "is merged here")
                    .help("name the anchor of a map, as in `<<: *defaults`"),
            ),
        }
    }
    maps
}
