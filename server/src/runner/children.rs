//! Runs that steps call.

use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::journal::{Event, Kind, Performed, SEMANTICS, Started};
use pathway_engine::testing::Called;
use pathway_engine::vm::{Class, Effect, Failure, Instance, RequestHash};

use super::actor::{Actor, Message, started};
use super::arrival::seed;
use super::outgoing::derived_id;
use super::resume;
use crate::store::{NewRun, Status, StoreError};
use crate::trace::TraceContext;

/// How deep pathways may call each other.
const DEEPEST: u32 = 16;

impl Actor {
    /// Adds the runs that steps call to what is committed next.
    pub(super) fn children(&mut self, effects: &[Effect]) {
        let current = self.inner.current();
        for effect in effects {
            let Effect::Child { instance, attempt, pathway, input } = effect else { continue };
            let asks = self.asks(instance, *attempt);
            if current.loaded.mocks.as_ref().is_some_and(|mocks| mocks.answer(asks)) {
                continue;
            }
            let Some(plan) = current.called(pathway) else { continue };
            let public_id = child_id(&self.run.public_id, instance, *attempt);
            let call = self.run.span().map(|run| run.of_attempt(instance, *attempt));
            let event = self.child_started(&public_id, instance, input, call);
            self.change.children.push(NewRun {
                public_id: public_id.clone(),
                pathway: plan.name.to_string(),
                digest: plan.digest.to_string(),
                subject: principal_of(&event),
                offset: None,
                lane: None,
                correlation: Some(self.run.correlation.clone()),
                dedupe_id: None,
                idempotency: None,
                rerun_of: None,
                at: self.inner.clock.millis(),
                started: self.inner.encode(plan, &public_id, &event),
                status: Status::Ready,
                outcome: None,
                records: Vec::new(),
                stream: Vec::new(),
            });
        }
    }

    fn child_started(
        &self,
        public_id: &str,
        instance: &str,
        input: &Value,
        call: Option<TraceContext>,
    ) -> Event {
        let parent = started(&self.run.events);
        let depth = parent.map_or(0, |parent| parent.depth) + 1;
        let refused = (depth > DEEPEST)
            .then(|| Failure::new(Class::Bug, format!("pathways call each other more than {DEEPEST} deep")));
        let called = self.called_by(instance);
        Event {
            at: self.inner.clock.now(),
            kind: Kind::Started(Started {
                run: public_id.into(),
                input: input.clone().into(),
                principal: parent.and_then(|parent| parent.principal.clone()),
                seed: seed(public_id),
                semantics: SEMANTICS,
                attempt: 1,
                depth,
                sealed: None,
                trace: call.map(|call| call.to_string()),
                refused,
                caller: None,
                rerun: self.inner.kept_by_mocks(public_id, called.as_ref()),
            }),
        }
    }

    /// Who the run is called by that a step calls, which mocks ask for; none where there are none.
    fn called_by(&self, instance: &str) -> Option<Called> {
        let has_mocks = self.inner.current.borrow().loaded.mocks.is_some();
        has_mocks.then(|| Called::by(&self.plan().name, self.run.called.as_deref(), instance))
    }

    /// Lets a child run, and waits for it.
    pub(super) async fn watch_child(
        &mut self,
        instance: Instance,
        attempt: u32,
        hash: RequestHash,
    ) -> Result<(), StoreError> {
        let public_id = child_id(&self.run.public_id, &instance, attempt);
        self.called.insert(instance.clone(), public_id.clone());
        let watch = self.inner.store.watch_run(&public_id);
        let store = self.inner.store.clone();
        let mailbox = self.mailbox.clone();
        let (child, called) = (public_id.clone(), self.called_by(&instance));
        let task = self.tasks.spawn(async move {
            let outcome = resume::outcome_of(&*store, watch, &child).await;
            let performed =
                Performed { instance, attempt, request: hash, outcome, emitted: false, took: None };
            // A run that is over listens no more.
            let _over = mailbox.send(Message::Performed(Box::new(performed), None)).await;
        });
        drop(task);
        self.begin_child(&public_id, called).await
    }

    async fn begin_child(&mut self, public_id: &str, called: Option<Called>) -> Result<(), StoreError> {
        let Some(run) = self.inner.store.run(public_id).await? else { return Ok(()) };
        if run.status != Status::Ready || self.inner.is_under_way(public_id) {
            return Ok(());
        }
        if let Some(mut child) = self.inner.read_back(run).await? {
            child.parent = Some(self.run.public_id.clone());
            child.called = called.map(Arc::new);
            child.is_suspect = self.takes_up;
            if let Some(holding) = &self.run.holding {
                child.belong_to(holding);
            }
            self.inner.begin(child);
        }
        Ok(())
    }
}

/// The id of the run that a step calls: each attempt calls another.
pub(super) fn child_id(run: &str, instance: &str, attempt: u32) -> String {
    match attempt {
        1 => derived_id(run, instance),
        _ => derived_id(run, &format!("{instance}/{attempt}")),
    }
}

fn principal_of(event: &Event) -> Option<String> {
    match &event.kind {
        Kind::Started(started) => started.principal.as_ref().map(|principal| principal.sub.clone()),
        _ => None,
    }
}
