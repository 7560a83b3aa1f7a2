//! What a run did, as its journal tells it, for the spans that are made of it.

use std::collections::HashMap;

use pathway_engine::journal::{Event, Kind, Outcome, Performed, compacted};
use pathway_engine::vm::{Effect, Vm};

use super::actor::started;
use super::iterations::with_ends;
use super::outgoing::derived_id;
use super::{Admitted, Inner, Runner};
use crate::store::StoreError;
use crate::telemetry::traces::{Asked, Course};

impl Runner {
    /// What a run did from when it was redriven for the `redrives`th time, or from its beginning, until it was
    /// redriven again, or its end; none where that cannot be told.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn course(&self, run: &str, redrives: u32) -> Result<Option<Course>, StoreError> {
        let Some(run) = self.inner.store.run(run).await? else { return Ok(None) };
        let status = run.status;
        let Some(admitted) = self.inner.read_back(run).await? else { return Ok(None) };
        let mut events = self.inner.history(&admitted, status);
        let admitted = Admitted { redrives, ..admitted };
        let redriven = |event: &Event| matches!(event.kind, Kind::Redriven { .. });
        let places: Vec<usize> =
            (0..).zip(&events).filter(|(_, it)| redriven(it)).map(|(at, _)| at).collect();
        let before = compacted(&events).map_or(0, |compacted| compacted.redriven);
        if redrives < before {
            return Ok(None);
        }
        let place = |redrive: u32| places.get(redrive.checked_sub(before)? as usize).copied();
        // It may have gone on since.
        events.truncate(place(redrives).unwrap_or(events.len()));
        // What it began with after a redrive may have been compacted.
        let first = usize::from(redrives > 0 && before > 0);
        let began = redrives.checked_sub(1).and_then(place).unwrap_or(first);
        let Some(since) = events.get(began).map(|event| event.at) else { return Ok(None) };
        let mut vm = Vm::new(admitted.plan.clone()).traced();
        let mut asked = HashMap::new();
        let followed = vm.follow_asking(&events, |effect| {
            if let Some((instance, attempt, what)) = self.inner.asked(&admitted, &effect) {
                asked.insert((instance, attempt), what);
            }
        });
        if let Err(why) = followed {
            tracing::debug!(run = admitted.public_id, %why, "only a part of it can be told");
        }
        for event in &events {
            if let Kind::Performed(performed) = &event.kind {
                let key = (performed.instance.to_string(), performed.attempt);
                if let Some(Asked::Call { status, is_answered, took, .. }) = asked.get_mut(&key) {
                    *is_answered = matches!(performed.outcome, Outcome::Answer(_));
                    (*status, *took) = (status_of(performed), performed.took);
                }
            }
        }
        Ok(Some(Course { since, happened: with_ends(vm.take_trace()), asked }))
    }
}

impl Inner {
    fn asked(&self, run: &Admitted, effect: &Effect) -> Option<(String, u32, Asked)> {
        let (instance, attempt) = (effect.instance()?, effect.attempt()?);
        let asked = match effect {
            Effect::Http { request, .. } => {
                let has_token = started(&run.events)
                    .and_then(|started| started.principal.as_ref())
                    .is_some_and(|principal| principal.has_token);
                Asked::Call {
                    service: request.service.clone(),
                    method: request.method,
                    address: self.upstreams.address(&request.service, has_token),
                    status: None,
                    is_answered: false,
                    took: None,
                }
            }
            Effect::Publish { topic, .. } => Asked::Record {
                topic: self.current().loaded.project.topics.real(topic).to_owned(),
                place: run.span()?.child(&derived_id(&run.public_id, instance)),
            },
            Effect::Child { pathway, .. } => Asked::Run { pathway: pathway.clone() },
            _ => return None,
        };
        Some((instance.to_string(), attempt, asked))
    }
}

/// What a service answered, of a call that it did.
fn status_of(performed: &Performed) -> Option<u16> {
    match &performed.outcome {
        Outcome::Answer(answer) => answer.get_attr("status").ok().and_then(|it| u16::try_from(it).ok()),
        Outcome::Failure(failure) => failure.status,
    }
}
