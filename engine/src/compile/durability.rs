//! Pathways without a journal: what they cannot have, and whom they share a topic with.

use super::{Plan, Program};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::project::Project;
use crate::source::Span;

const NEEDS_JOURNAL: Code = Code("PW0540");
const DISAGREE: Code = Code("PW0541");

/// Reports pathways that say `durability: none` and need a journal after all.
pub(super) fn check(program: &Program, project: &Project, diagnostics: &mut Diagnostics) {
    for plan in program.pathways.values() {
        let Some(said) = plan.without_journal else { continue };
        for (what, span) in needs(plan) {
            diagnostics.push(
                Diagnostic::error(NEEDS_JOURNAL, format!("{what} needs a journal"))
                    .at(span, "needs a journal")
                    .at(said, "there is none")
                    .help("leave `durability: none` out"),
            );
        }
        let real = |plan: &Plan| project.topics.real(&plan.topic()).to_owned();
        let topic = real(plan);
        let other = program.pathways.values().find(|other| other.has_journal() && real(other) == topic);
        if let Some(other) = other {
            let message = format!("`{}` has a journal and reads the same topic `{topic}`", other.name);
            diagnostics.push(
                Diagnostic::error(DISAGREE, message)
                    .at(said, "has none")
                    .help("say `durability: none` in all pathways of a topic, or in none"),
            );
        }
    }
}

/// What in a plan cannot do without a journal, and where it stands.
fn needs(plan: &Plan) -> Vec<(String, Span)> {
    let steps = plan.blocks.iter().flat_map(|block| &block.steps);
    let steps = steps.filter_map(|step| {
        let what = match step.verb {
            verb @ ("wait" | "call") => format!("`{verb}`"),
            _ if step.at_most_once => "`at_most_once`".to_owned(),
            _ if step.once.is_some() => "`once`".to_owned(),
            _ if step.compensate.is_some() => "`compensate`".to_owned(),
            _ => return None,
        };
        Some((what, plan.places.get(&step.path).copied()?))
    });
    let id = plan.door.id.as_ref().map(|id| ("`id`".to_owned(), id.span()));
    let http = plan.door.http.as_ref().map(|http| ("an HTTP door".to_owned(), http.path.span));
    let keep = plan.says_keep.map(|span| ("`keep`".to_owned(), span));
    steps.chain(id).chain(http).chain(keep).collect()
}
