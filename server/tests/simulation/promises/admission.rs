//! Records become runs: all of them, each once, and the bus keeps no more than the store.

use pathway_server::store::{Admit, NewRun, Offset};

use super::facts::{Facts, Place};
use super::{Kept, broken};

/// A partition is admitted without gaps, and nothing of it twice.
pub(crate) fn goes_on_where_it_was(facts: &Facts, change: &Admit) -> Kept {
    let place = (change.topic.clone(), change.partition);
    let Some(next) = facts.next.get(&place).filter(|next| **next != change.from_offset) else {
        return Ok(());
    };
    let why = format!(
        "{} partition {} was admitted up to {next}, then from {}",
        place.0, place.1, change.from_offset
    );
    broken("a partition is admitted from where it was", why, [format!("{}/{}", place.0, place.1)])
}

/// Each record makes a run of each pathway that listens.
pub(crate) fn leaves_nothing_out(facts: &Facts, change: &Admit) -> Kept {
    let Some(listeners) = facts.listeners.get(&change.topic) else { return Ok(()) };
    let at = |offset| Place { topic: change.topic.clone(), partition: change.partition, offset };
    for (place, _) in facts.records.range(at(change.from_offset)..at(change.next_offset)) {
        let runs = change.runs.iter().filter(|run| run.offset == Some(place.offset)).count();
        if runs != *listeners {
            let why = format!("{place:?} made {runs} runs of {listeners} pathways");
            return broken(
                "nothing that came is lost",
                why,
                [format!("{}/{}", place.topic, place.partition)],
            );
        }
    }
    Ok(())
}

/// No other run came of the same record.
pub(crate) fn is_the_first(facts: &Facts, change: &Admit, new: &NewRun) -> Kept {
    let Some(offset) = new.offset else { return Ok(()) };
    let place = Place { topic: change.topic.clone(), partition: change.partition, offset };
    let same = |run: &&super::Known| run.pathway == new.pathway && run.source.as_ref() == Some(&place);
    match facts.runs().find(same) {
        None => Ok(()),
        Some(other) => {
            let why = format!("{place:?} made {} and {}", other.public_id, new.public_id);
            let about = [other.public_id.clone(), new.public_id.clone()];
            broken("one record, one run", why, about)
        }
    }
}

/// What the bus keeps is in the store.
pub(crate) fn is_durable(facts: &Facts, topic: &str, partition: i32, offset: Offset) -> Kept {
    let next = facts.next.get(&(topic.to_owned(), partition)).copied().unwrap_or(0);
    if offset <= next {
        return Ok(());
    }
    let why =
        format!("the bus keeps {offset} of {topic} partition {partition}, which is admitted up to {next}");
    broken("no offset is ahead of the store", why, [format!("{topic}/{partition}")])
}
