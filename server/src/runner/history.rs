//! What happened in a run, in full.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind};
use pathway_engine::project::Project;
use pathway_engine::vm::Vm;

use super::at_once::Collected;
use super::outgoing::Outgoing;
use super::{Admitted, Inner, vault};
use crate::seal::SealKeys;
use crate::store::{self, Status};

impl Inner {
    /// The journal of a run, in full.
    pub(super) fn history(&self, run: &Admitted, status: Status) -> Vec<Event> {
        in_full(&self.current().loaded.project, run, status)
    }
}

/// The journal of a run of `plan` that is not under way here, in full. Without keys only of one that
/// holds no secret.
///
/// # Errors
/// An event cannot be read.
pub fn history(
    project: &Project,
    keys: Option<&SealKeys>,
    plan: Arc<Plan>,
    (run, status): (&str, Status),
    events: &[store::Event],
) -> Result<Vec<Event>, String> {
    let decode = |event: &store::Event| {
        vault::decode(keys, (&plan.name, run), &event.payload)
            .map_err(|error| format!("event {} cannot be read: {error}", event.seq))
    };
    let events = events.iter().map(decode).collect::<Result<_, _>>()?;
    let run = Admitted { taken_up: true, silent: true, ..Admitted::new(run.to_owned(), plan, events) };
    Ok(in_full(project, &run, status))
}

/// A journal with what it leaves out: a run that ended as soon as it began was kept as its beginning
/// and its end, and what lies between follows from these.
fn in_full(project: &Project, run: &Admitted, status: Status) -> Vec<Event> {
    let mut events = run.events.clone();
    let Some(first) = events.first().filter(|_| events.len() == 1 && status != Status::Ready) else {
        return events;
    };
    let (at, outgoing) = (first.at, Outgoing { project, run, now: first.at });
    let mut vm = Vm::new(run.plan.clone());
    let (mut sent, mut effects) = (Collected::default(), Vec::new());
    let _begun = vm.apply(first, &mut effects);
    while vm.outcome().is_none() && !effects.is_empty() {
        for effect in std::mem::take(&mut effects) {
            let Some(mut performed) = sent.perform(&outgoing, &effect) else { return events };
            performed.request = effect.hash().unwrap_or(performed.request);
            let event = Event { at, kind: Kind::Performed(performed) };
            let _applied = vm.apply(&event, &mut effects);
            events.push(event);
        }
    }
    events
}
