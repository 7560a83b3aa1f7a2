//! What is said of a path that yields nothing, or may.

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Read, Segment};
use crate::schema::Lookup;
use crate::source::Span;

const UNKNOWN_PROPERTY: Code = Code("PW0509");
const NO_PROPERTIES: Code = Code("PW0510");
const MAY_BE_SKIPPED: Code = Code("PW0511");
const MAY_BE_MISSING: Code = Code("PW0512");

fn path_text(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) if text.is_empty() => text.push_str(key),
            Segment::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Segment::Index(n) => text.push_str(&format!("[{n}]")),
            Segment::Dynamic => text.push_str("[…]"),
        }
    }
    text
}

/// What is read may be none; `known` segments lead to it.
pub(super) fn missing(read: &Read, known: usize, is_last: bool, skipped_by: Option<Span>) -> Diagnostic {
    let path = path_text(read.path.get(..known).unwrap_or_default());
    let is_step = matches!(read.path.first(), Some(Segment::Key(root)) if root == "steps") && known == 2;
    let (code, message) = match (is_step, skipped_by) {
        (true, Some(_)) => (MAY_BE_SKIPPED, format!("`{path}` may have been skipped, and is none then")),
        (true, None) => (MAY_BE_SKIPPED, format!("`{path}` may be none")),
        _ => (MAY_BE_MISSING, format!("`{path}` may be missing")),
    };
    let fallback = if is_last { path.clone() } else { path_text(&read.path) };
    let mut diagnostic = Diagnostic::error(code, message).at(read.span, "read without a guard");
    if let (true, Some(span)) = (is_step, skipped_by) {
        diagnostic = diagnostic.at(span, "what may leave it out");
    }
    diagnostic
        .help(format!("test it first (`when: {path}`), or say what stands in for it: `{fallback} or …`"))
}

/// There is nothing of the name that follows `known` segments.
pub(super) fn no_such_property(read: &Read, known: usize, problem: &Lookup) -> Diagnostic {
    let path = path_text(read.path.get(..known).unwrap_or_default());
    let name = match read.path.get(known) {
        Some(Segment::Key(name)) => name.clone(),
        Some(segment) => path_text(std::slice::from_ref(segment)),
        None => String::new(),
    };
    match problem {
        Lookup::Missing(known) => {
            let mut diagnostic =
                Diagnostic::error(UNKNOWN_PROPERTY, format!("`{path}` has no property `{name}`"))
                    .at(read.span, "unknown property");
            if !known.is_empty() {
                let listed: Vec<_> = known.iter().take(12).cloned().collect();
                diagnostic = diagnostic.help(format!(
                    "it has {}",
                    listed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                ));
            }
            diagnostic.suggest(&name, known.iter().map(String::as_str))
        }
        _ => Diagnostic::error(NO_PROPERTIES, format!("`{path}` is not a map, so it has no `{name}`"))
            .at(read.span, "not a map"),
    }
}
