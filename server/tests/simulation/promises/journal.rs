//! A run's journal: no gaps, one end, and no step that finishes twice.

use std::collections::BTreeSet;

use pathway_engine::journal::{Event, Kind, Outcome};
use pathway_server::store::{Append, StreamRow};

use super::facts::Facts;
use super::{Kept, broken};

/// Events follow each other without gap or repetition.
pub(crate) fn is_dense(facts: &Facts, change: &Append) -> Kept {
    let Some(run) = facts.run(change.run) else {
        return broken("only what was admitted goes on", format!("{:?} was not", change.run), [""; 0]);
    };
    if run.events.len() == change.expected_seq as usize {
        return Ok(());
    }
    let why =
        format!("{} has {} events, and event {} came", run.public_id, run.events.len(), change.expected_seq);
    broken("a journal has no gaps", why, [run.public_id.clone()])
}

/// Nothing follows the end of a run.
pub(crate) fn has_one_end(facts: &Facts, change: &Append) -> Kept {
    match facts.run(change.run).filter(|run| run.status.is_final()) {
        None => Ok(()),
        Some(run) => {
            let why = format!("{} had {}, and went on", run.public_id, run.status);
            broken("a run ends once", why, [run.public_id.clone()])
        }
    }
}

/// A step that has finished does not finish again, unless a redrive undid it.
pub(crate) fn finishes_each_step_once(facts: &Facts, change: &Append) -> Kept {
    let Some(run) = facts.run(change.run) else { return Ok(()) };
    let mut finished = BTreeSet::new();
    let new = change.events.iter().map(|event| Event::decode(&event.payload).unwrap());
    for event in run.events.iter().cloned().chain(new) {
        match event.kind {
            Kind::Redriven { .. } => finished.clear(),
            Kind::Performed(performed)
                if matches!(performed.outcome, Outcome::Answer(_))
                    && !finished.insert(performed.instance.clone()) =>
            {
                let why = format!("`{}` of {} finished twice", performed.instance, run.public_id);
                return broken("a finished step does not run again", why, [run.public_id.clone()]);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a change is work of the run itself, and not what was done to it while it waited.
pub(crate) fn is_work(change: &Append) -> bool {
    let only_redriven = change.events.iter().all(|event| event.kind == "redriven");
    let has_events = !change.events.is_empty();
    has_events && !only_redriven
}

/// What a run streams has no gaps.
pub(crate) fn streams_without_gaps(run: &str, rows: u32, new: &[StreamRow]) -> Kept {
    for (row, expected) in new.iter().zip(rows..) {
        if row.seq != expected {
            let why = format!("{run} streamed {}, after {expected} rows", row.seq);
            return broken("a stream has no gaps", why, [run]);
        }
    }
    Ok(())
}
