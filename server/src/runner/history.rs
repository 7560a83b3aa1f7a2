//! What happened in a run, in full.

use pathway_engine::journal::{Event, Kind};
use pathway_engine::vm::Vm;

use super::at_once::Collected;
use super::{Admitted, Inner};
use crate::store::Status;

impl Inner {
    /// The journal of a run, with what it leaves out: a run that ended as soon as it began was kept as
    /// its beginning and its end, and what lies between follows from these.
    pub(super) fn history(&self, run: &Admitted, status: Status) -> Vec<Event> {
        let mut events = run.events.clone();
        let Some(first) = events.first().filter(|_| events.len() == 1 && status != Status::Ready) else {
            return events;
        };
        let (at, outgoing) = (first.at, self.outgoing(run));
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
}
