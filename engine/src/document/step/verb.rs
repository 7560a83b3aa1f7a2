//! The one verb of a step.

use super::modifiers::is_modifier;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::fields::list;
use crate::document::{Fields, Reader};
use crate::source::{Node, Span};
use crate::steps::{self, Action};

const NO_VERB: Code = Code("PW0210");
const TWO_VERBS: Code = Code("PW0211");

/// Finds the one verb of a step and reads it.
pub(super) fn parse_verb(
    node: &Node,
    what: &str,
    span: Span,
    fields: &mut Fields<'_>,
    reader: &mut Reader<'_>,
) -> Option<(&'static str, Box<dyn Action>)> {
    let entries = node.as_map().unwrap_or_default();
    let verbs: Vec<_> =
        entries.iter().filter_map(|entry| Some((entry, steps::verb(&entry.key.value)?))).collect();
    // `return` beside `steps` belongs to the block.
    let is_block = verbs.iter().any(|(entry, _)| entry.key.value == "steps");
    let verbs: Vec<_> =
        verbs.into_iter().filter(|(entry, _)| !(is_block && entry.key.value == "return")).collect();
    match verbs.as_slice() {
        [(_, spec)] => {
            steps::VERBS.iter().for_each(|spec| fields.knows(spec.name));
            (spec.parse)(node, what, reader).map(|action| (spec.name, action))
        }
        [] => {
            let names: Vec<_> = steps::VERBS.iter().map(|spec| spec.name).collect();
            let mut diagnostic = Diagnostic::error(NO_VERB, format!("{what} has no verb"))
                .at(span, "does nothing")
                .help(format!("give it one of {}", list(&names)));
            let unknown = entries.iter().find(|entry| !is_modifier(&entry.key.value));
            if let Some(entry) = unknown {
                diagnostic = diagnostic
                    .at(entry.key.span, "not a verb")
                    .suggest(&entry.key.value, names.iter().copied());
                // Said here; not once more as an unknown key.
                fields.ignore_rest();
            }
            reader.diagnostics.push(diagnostic);
            None
        }
        [(first, _), (second, _), ..] => {
            let (a, b) = (&first.key, &second.key);
            reader.diagnostics.push(
                Diagnostic::error(
                    TWO_VERBS,
                    format!("{what} has two verbs, `{}` and `{}`", a.value, b.value),
                )
                .at(b.span, "second verb")
                .at(a.span, "first verb")
                .help("make two steps of it"),
            );
            fields.ignore_rest();
            None
        }
    }
}
