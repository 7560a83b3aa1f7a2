//! What a schedule gives its runs must be what the pathway takes.

use jiff::Timestamp;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Schedule;
use crate::schema::Schema;

const NOT_ADMITTED: Code = Code("PW0530");

/// Reports a schedule whose runs would all be refused, by the example of one of its ticks.
pub(super) fn check(schedule: &Schedule, input: Option<&Schema>, diagnostics: &mut Diagnostics) {
    // Expressions that are wrong were reported, and yield nothing to look at.
    if diagnostics.has_errors() {
        return;
    }
    let Some(tick) = schedule.calendar.next(Timestamp::UNIX_EPOCH) else { return };
    let span = schedule.input.as_ref().map_or(schedule.span, |tree| tree.span());
    let label = match (schedule.input_at(tick), input) {
        (Err(error), _) => error.message,
        (Ok(value), Some(schema)) => match schema.check(&value) {
            Ok(_) => return,
            Err(violations) => violations.first().map_or_else(String::new, |first| match &*first.pointer {
                "" => first.detail.clone(),
                pointer => format!("`{pointer}` {}", first.detail),
            }),
        },
        (Ok(_), None) => return,
    };
    diagnostics.push(
        Diagnostic::error(NOT_ADMITTED, "the pathway would refuse what its schedule gives it")
            .at(span, label)
            .help("give `input:` of the schedule what the schema of the input demands"),
    );
}
