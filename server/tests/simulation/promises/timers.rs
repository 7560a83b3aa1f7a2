//! Timers fire when they are due, and once.

use pathway_engine::journal::Kind;
use pathway_engine::vm::Effect;

use super::facts::Known;
use super::fold::Fold;
use super::{Kept, broken};

/// Each that fired was set, and due.
pub(crate) fn are_never_early(run: &Known) -> Kept {
    for (place, event) in run.events.iter().enumerate() {
        let Kind::Fired { timer } = event.kind else { continue };
        let set = Fold::in_flight_after(run, &run.events[..place])?;
        let due = set.iter().find_map(|effect| match effect {
            Effect::Timer { timer: set, at, .. } if *set == timer => Some(*at),
            _ => None,
        });
        if due.is_none_or(|due| due > event.at) {
            let why =
                format!("timer {timer} of {} fired at {}, and was due at {due:?}", run.public_id, event.at);
            return broken("timers are never early, and fire once", why, [run.public_id.clone()]);
        }
    }
    Ok(())
}
