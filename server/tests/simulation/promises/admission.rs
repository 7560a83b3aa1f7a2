//! Records become runs: all of them, each once, and the bus keeps no more than the store.

use pathway_server::store::{Admit, NewRun, Offset};

use super::facts::{Facts, Place, id_in};
use super::{Kept, broken};

fn shown(topic: &str, partition: i32) -> String {
    format!("{topic}/{partition}")
}

/// A partition is admitted without gaps, and nothing of it twice.
pub(crate) fn goes_on_where_it_was(facts: &Facts, change: &Admit) -> Kept {
    let place = (change.topic.clone(), change.partition);
    let next = facts.next.get(&place).copied();
    match next.filter(|next| *next != change.from_offset) {
        None => Ok(()),
        Some(next) => {
            let shown = shown(&place.0, place.1);
            let why = format!("{shown} was admitted up to {next}, then from {}", change.from_offset);
            broken("a partition is admitted from where it was", why, [shown])
        }
    }
}

/// Each record makes a run of each pathway that listens.
pub(crate) fn leaves_nothing_out(facts: &Facts, change: &Admit) -> Kept {
    let Some(listeners) = facts.listeners.get(&change.topic) else { return Ok(()) };
    let at = |offset| Place { topic: change.topic.clone(), partition: change.partition, offset };
    for (place, _) in facts.records.range(at(change.from_offset)..at(change.next_offset)) {
        let runs = change.runs.iter().filter(|run| run.offset == Some(place.offset)).count();
        if runs != *listeners {
            let why = format!("{place:?} made {runs} runs of {listeners} pathways");
            return broken("nothing that came is lost", why, [shown(&place.topic, place.partition)]);
        }
    }
    Ok(())
}

/// No other run came of the same record.
pub(crate) fn is_the_first(facts: &Facts, change: &Admit, new: &NewRun) -> Kept {
    let Some(offset) = new.offset else { return Ok(()) };
    let place = Place { topic: change.topic.clone(), partition: change.partition, offset };
    let same = |run: &&super::Known| run.pathway == new.pathway && run.source.as_ref() == Some(&place);
    let id_of = |place: &Place| facts.records.get(place).and_then(id_in);
    // Where a pathway says by what its records are known, one of them is enough.
    let is_known = |run: &&super::Known| {
        run.pathway == new.pathway
            && new
                .dedupe_id
                .as_ref()
                .is_some_and(|id| run.source.as_ref().and_then(id_of).as_ref() == Some(id))
    };
    match facts.runs().find(|run| same(run) || is_known(run)) {
        None => Ok(()),
        Some(other) => {
            let why = format!("{place:?} made {} and {}", other.public_id, new.public_id);
            broken("one record, one run", why, [&other.public_id, &new.public_id])
        }
    }
}

/// What the bus keeps is in the store.
pub(crate) fn is_durable(facts: &Facts, topic: &str, partition: i32, offset: Offset) -> Kept {
    let next = facts.next.get(&(topic.to_owned(), partition)).copied().unwrap_or(0);
    if offset <= next {
        return Ok(());
    }
    let shown = shown(topic, partition);
    let why = format!("the bus keeps {offset} of {shown}, which is admitted up to {next}");
    broken("no offset is ahead of the store", why, [shown])
}

/// Of what has no journal, the bus keeps no more than was passed on.
pub(crate) fn is_worked_off(facts: &mut Facts, topic: &str, partition: i32, offset: Offset) -> Kept {
    let at = |offset| Place { topic: topic.to_owned(), partition, offset };
    for (place, record) in facts.records.range(at(0)..at(offset)) {
        if let Some(id) = id_in(record).filter(|id| !facts.passed.contains(id)) {
            let why = format!("the bus keeps {offset}, and nothing came of {place:?}, {id}");
            return broken("no offset is ahead of what was passed on", why, [shown(topic, partition), id]);
        }
    }
    facts.next.insert((topic.to_owned(), partition), offset);
    Ok(())
}
