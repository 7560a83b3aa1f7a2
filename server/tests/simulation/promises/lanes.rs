//! Runs of a lane: one at a time, in the order of their records.

use pathway_server::store::Status;

use super::facts::{Facts, Known};
use super::{Kept, broken};

/// A run does something that can be seen: it must be its turn.
pub(crate) fn may_begin(facts: &mut Facts, public_id: &str) -> Kept {
    let Some(run) = facts.called(public_id) else { return Ok(()) };
    for other in facts.lane(run) {
        let about = [run.public_id.clone(), other.public_id.clone()];
        if other.has_begun && other.status == Status::Ready {
            let why = format!("{} began while {} was under way", run.public_id, other.public_id);
            return broken("one run of a lane at a time", why, about);
        }
        let holds = facts.holds.contains(&run.pathway) && other.ever_begun;
        if holds && other.status == Status::Parked && !run.ever_begun {
            let why = format!("{} began while {} was parked", run.public_id, other.public_id);
            return broken("a parked run holds its lane where the pathway says so", why, about);
        }
        if !run.ever_begun && !other.ever_begun && other.status == Status::Ready && is_before(other, run) {
            let why = format!("{} began before {}", run.public_id, other.public_id);
            return broken("runs of a lane begin in order", why, about);
        }
    }
    let id = run.id;
    if let Some(run) = facts.run_mut(id) {
        (run.has_begun, run.ever_begun) = (true, true);
    }
    Ok(())
}

/// Whether the record of one run was before that of another, in the same partition.
fn is_before(one: &Known, other: &Known) -> bool {
    let (Some(one), Some(other)) = (&one.source, &other.source) else { return false };
    (&one.topic, one.partition) == (&other.topic, other.partition) && one.offset < other.offset
}
