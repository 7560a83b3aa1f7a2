//! A run is parked for ending its process only where it was taken up after crashes, again and again, with
//! nothing added to its journal.

use pathway_engine::journal::Outcome;
use pathway_server::store::{Append, RunId, Status};

use super::facts::{Facts, Known};
use super::{Kept, broken};

/// As often, and once more.
const MOST: usize = 5;

/// Runs were taken up after a crash.
pub(crate) fn taken_up(facts: &mut Facts, runs: &[RunId]) {
    for id in runs {
        if let Some(run) = facts.run_mut(*id) {
            run.taken_up.push(run.events.len());
        }
    }
}

/// They were, and it does not count.
pub(crate) fn put_down(facts: &mut Facts, runs: &[RunId]) {
    for id in runs {
        if let Some(run) = facts.run_mut(*id) {
            run.taken_up.pop();
        }
    }
}

/// See above.
pub(crate) fn is_parked_for_a_reason(facts: &Facts, change: &Append) -> Kept {
    let Some(run) = facts.run(change.run).filter(|_| is_crash_loop(change)) else { return Ok(()) };
    let times = run.taken_up.iter().rev().take_while(|events| **events == run.events.len()).count();
    if times > MOST {
        return Ok(());
    }
    let why = format!("{} was taken up {times} times without progress, and is given up", run.public_id);
    broken("only what ends its process again and again is given up", why, [run.public_id.clone()])
}

/// Whether a run was given up, which its journal does not tell.
pub(crate) fn is_given_up(run: &Known) -> bool {
    run.outcome.as_deref().is_some_and(has_looped)
}

fn is_crash_loop(change: &Append) -> bool {
    let ended = change.status.as_ref().filter(|status| status.status != Status::Ready);
    // What was called and given up is told to whoever called it, which is an event.
    change.events.is_empty() && ended.and_then(|status| status.outcome.as_deref()).is_some_and(has_looped)
}

fn has_looped(outcome: &[u8]) -> bool {
    match serde_json::from_slice(outcome).unwrap() {
        Outcome::Failure(failure) => failure.code.as_deref() == Some("crash_loop"),
        Outcome::Answer(_) => false,
    }
}
