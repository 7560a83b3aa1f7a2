//! `allow:` of a step or a pathway: warnings that are meant there.

use super::survey::Survey;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::document::Pathway;
use crate::source::Span;

const NOTHING_TO_ALLOW: Code = Code("PW0809");

/// Leaves out of `found` what `pathway` and its steps allow; where `is_whole`, reports what allows
/// nothing.
pub(super) fn apply(pathway: &Pathway, survey: &Survey, is_whole: bool, found: &mut Diagnostics) {
    let file = Span { start: 0, end: u32::MAX, ..pathway.name.span };
    let mut allowed: Vec<_> = pathway.allow.iter().map(|code| (code, file)).collect();
    allowed.extend(survey.steps.iter().flat_map(|step| step.allow.iter().map(|code| (code, step.span))));
    let mut used = vec![false; allowed.len()];
    found.retain(|diagnostic| {
        let place = diagnostic.labels.first().map(|label| label.span);
        let Some(place) = place.filter(|_| diagnostic.severity == Severity::Warning) else { return true };
        let mut is_allowed = false;
        for ((code, within), used) in allowed.iter().zip(&mut used) {
            let holds = within.file == place.file && within.start <= place.start && place.end <= within.end;
            if holds && code.value == diagnostic.code.0 {
                (*used, is_allowed) = (true, true);
            }
        }
        !is_allowed
    });
    for ((code, _), _) in allowed.iter().zip(used).filter(|(_, used)| is_whole && !used) {
        found.push(
            Diagnostic::warning(NOTHING_TO_ALLOW, format!("there is no `{}` here to allow", code.value))
                .at(code.span, "allows nothing")
                .help("leave it out"),
        );
    }
}
