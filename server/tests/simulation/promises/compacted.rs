//! A journal that was compacted leads to where the whole one does.

use pathway_engine::journal::{Event, Kind};
use pathway_engine::vm::Vm;
use pathway_server::store::Append;

use super::facts::{Facts, Known};
use super::{Kept, broken};
use crate::workload::plan;

/// What is left of the journal of a run. What is known of it is the whole.
pub(crate) fn left(run: &Known) -> Vec<Event> {
    let last = run.events.iter().rposition(|event| matches!(event.kind, Kind::Compacted(_)));
    match last {
        None => run.events.clone(),
        Some(last) => run.events[..1].iter().chain(&run.events[last..]).cloned().collect(),
    }
}

/// What stands for all before is the last event, and what a run is does not change by it.
pub(crate) fn stands_for_all(facts: &Facts, change: &Append) -> Kept {
    let Some(run) = facts.run(change.run) else { return Ok(()) };
    let is_last = change.events.last().is_some_and(|event| event.kind == "compacted");
    let compacted = change.events.iter().filter(|event| event.kind == "compacted").count();
    if compacted != usize::from(change.compacts) || is_last != change.compacts {
        let why = format!("{}: {compacted} events stand for others", run.public_id);
        return broken("what is deleted is known by what stands for it", why, [run.public_id.clone()]);
    }
    if change.compacts { leads_on(run) } else { Ok(()) }
}

/// From what is left a run goes on as from all that happened.
pub(crate) fn leads_on(run: &Known) -> Kept {
    let left = left(run);
    if left.len() == run.events.len() {
        return Ok(());
    }
    let told = |events: &[Event]| -> Result<_, String> {
        let mut vm = Vm::new(plan(&run.digest));
        vm.follow(events).map_err(|why| why.to_string())?;
        let in_flight =
            vm.in_flight().iter().map(|it| format!("{:?} {}", it.effect, it.sent)).collect::<Vec<_>>();
        let mailbox = vm.mailbox().cloned().collect::<Vec<_>>();
        Ok((in_flight, format!("{:?} {mailbox:?}", vm.outcome())))
    };
    let (whole, left) = (told(&run.events), told(&left));
    if whole.is_ok() && whole == left {
        return Ok(());
    }
    let why = format!("{} is {left:?}, and was {whole:?}", run.public_id);
    broken("a compacted journal leads to where the whole one does", why, [run.public_id.clone()])
}
