//! The end of all things: what can go on by itself has gone on.

use pathway_engine::vm::Effect;
use pathway_server::store::Status;

use super::facts::{Facts, Known};
use super::fold::Fold;

/// What is still to happen, if nothing comes from outside.
pub(crate) fn unrest(facts: &Facts) -> Option<String> {
    for place in facts.records.keys() {
        let next = facts.next.get(&(place.topic.clone(), place.partition)).copied().unwrap_or(0);
        if place.offset >= next {
            return Some(format!("{place:?} was not worked on"));
        }
    }
    if let Some(asked) = facts.not_run_again() {
        return Some(format!("{} was to be run again as {}", asked.of, asked.id));
    }
    facts.runs().find(|run| !is_at_rest(facts, run)).map(|run| format!("{} is {}", run.public_id, run.status))
}

/// Whether a run is over, or waits for somebody outside.
fn is_at_rest(facts: &Facts, run: &Known) -> bool {
    if run.status != Status::Ready {
        return true;
    }
    if !run.has_begun && run.lane.is_some() {
        // It waits for its turn.
        let is_before = |other: &&Known| {
            other.status == Status::Ready && other.has_begun && is_at_rest(facts, other)
                || other.status == Status::Parked && facts.holds.contains(&other.pathway)
        };
        if facts.lane(run).any(|other| is_before(&other)) {
            return true;
        }
    }
    let Ok(fold) = Fold::of(run) else { return false };
    let waits = |effect: &Effect| match effect {
        Effect::Await { .. } => true,
        Effect::Child { .. } => {
            let children = facts.runs().filter(|child| child.parent == Some(run.id));
            children.filter(|child| child.status == Status::Ready).any(|child| is_at_rest(facts, child))
        }
        _ => false,
    };
    !fold.in_flight.is_empty() && fold.in_flight.iter().all(waits)
}
