//! `each` that calls or tells for every item of a list of which nobody says how long it may be.

use super::survey::{Seen, Source, Survey};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Pathway;
use crate::expression::{Read, Segment};
use crate::vm::Method;

const UNBOUNDED: Code = Code("PW0805");

/// What parameters are called that bound an answer.
const BOUNDS: [&str; 12] = [
    "limit",
    "per_page",
    "perpage",
    "page_size",
    "pagesize",
    "size",
    "count",
    "max",
    "first",
    "top",
    "take",
    "rows",
];

/// References that are followed.
const MAX_REFS: usize = 32;

pub(super) fn check(pathway: &Pathway, survey: &Survey, found: &mut Diagnostics) {
    for (n, step) in survey.steps.iter().enumerate() {
        let Some((source, read)) = &step.list else { continue };
        let acts = |seen: &Seen| matches!(seen.verb, "http" | "publish" | "call" | "emit" | "wait");
        if !acts(step) && !survey.inside(n).into_iter().any(acts) {
            continue;
        }
        let (whence, help) = match source {
            Source::Input if !is_bounded_input(pathway, read) => {
                ("comes from outside, as long as it is", "give it `maxItems` in the schema of the input")
            }
            Source::Step(n) if survey.steps.get(*n).is_some_and(|seen| is_unbounded_answer(seen, read)) => (
                "as long as the upstream's answer is",
                "ask for so many at most, with a `limit` in the query",
            ),
            _ => continue,
        };
        let message = format!("nothing says how often step `{}` runs at most", step.name.value);
        found.push(
            Diagnostic::warning(UNBOUNDED, message)
                .at(read.span, whence)
                .help(format!("{help}, or take a part of it: `[:100]`")),
        );
    }
}

/// Whether that is (a part of) the body that a `GET` without a bound was answered with.
fn is_unbounded_answer(seen: &Seen, read: &Read) -> bool {
    let Some(call) = seen.call.as_ref().filter(|call| call.method == Method::Get) else { return false };
    let is_answer = matches!(read.path.get(2), Some(Segment::Key(key)) if key == "body" || key == "chunks");
    let bounds = |name: &String| {
        let name = name.to_ascii_lowercase();
        BOUNDS.iter().any(|bound| name.contains(bound)) || name == "range"
    };
    let Some(query) = &call.query else { return false };
    is_answer && !query.iter().map(|(name, _)| name).chain(&call.headers).any(bounds)
}

/// Whether the schema of the input bounds the list, or cannot be followed to it.
fn is_bounded_input(pathway: &Pathway, read: &Read) -> bool {
    let Some(schema) = &pathway.input else { return false };
    let root = schema.json();
    let mut at = root;
    for segment in read.path.iter().skip(1) {
        let Some(resolved) = resolve(at, root) else { return true };
        let next = match segment {
            Segment::Key(key) => resolved.get("properties").and_then(|properties| properties.get(key)),
            Segment::Index(_) | Segment::Dynamic => resolved.get("items"),
        };
        let Some(next) = next else { return true };
        at = next;
    }
    resolve(at, root).is_none_or(|list| list.get("maxItems").is_some())
}

/// What a schema says itself; none where it is put together of others.
fn resolve<'a>(schema: &'a serde_json::Value, root: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
    let mut at = schema;
    for _ in 0..MAX_REFS {
        let Some(reference) = at.get("$ref").and_then(serde_json::Value::as_str) else {
            let is_plain =
                ["allOf", "anyOf", "oneOf", "if", "enum", "const"].iter().all(|key| at.get(key).is_none());
            return Some(at).filter(|_| is_plain);
        };
        at = root.pointer(reference.strip_prefix('#')?)?;
    }
    None
}
