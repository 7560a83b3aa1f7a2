//! From a request to its run: publishes the record, and finds the run that came of it.

use std::time::Duration;

use super::auth::Caller;
use super::trace::Passed;
use super::{Gateway, Problem, answer, capacity, outcome};
use crate::bus::NewRecord;
use crate::envelope::{Envelope, Sealed, input_hash};
use crate::facts::Facts;
use crate::store::{News, Run, Store, StoreError, Watch};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::document::Auth;
use pathway_engine::expression::EvalError;
use pathway_engine::value::Json;
use pathway_engine::vm::{Class, Failure};

/// A request that may become a run.
pub(super) struct Asked {
    /// The public id of the run that it becomes, and its correlation id.
    pub(super) id: String,
    /// When it was read.
    pub(super) at: Timestamp,
    pub(super) input: Json,
    pub(super) caller: Caller,
    pub(super) idempotency_key: Option<String>,
    /// When a run that has not begun shall not begin any more, from now; none: the caller does
    /// not wait for it.
    pub(super) deadline: Option<Duration>,
    /// The trace that it is part of.
    pub(super) trace: Passed,
}

/// A run that is there, or will be.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) id: String,
    /// Whether it is known to be there.
    is_there: bool,
    watch: Watch,
}

impl Asked {
    /// Checks what can be checked before anything is published.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Problem> {
        if let Some(schema) = &plan.input {
            schema.check(&self.input).map_err(|violations| {
                Problem::of(&Failure::violated(Class::Invalid, "the input", violations))
            })?;
        }
        let Some(subject) = &plan.door.subject else { return Ok(()) };
        let Some(principal) = &self.caller.principal else {
            return Err(nobody_vouches(plan));
        };
        match self.facts().text(subject).map_err(unreadable)? {
            Some(named) if named != principal.sub => {
                let detail = "this is about somebody else than who asks";
                Err(Problem::of(&Failure::new(Class::Denied, detail)))
            }
            _ => Ok(()),
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts { input: &self.input, principal: self.caller.principal.as_ref(), now: self.at }
    }

    /// The record that starts the run.
    fn record(&self, gateway: &Gateway, plan: &Plan) -> Result<NewRecord, Problem> {
        let parts = &gateway.parts;
        let key = plan.door.key.as_ref().map(|key| self.facts().text(key)).transpose().map_err(unreadable)?;
        let sealed = self.caller.principal.clone().map(|principal| {
            let sealed = Sealed { principal, token: self.caller.token.clone() };
            sealed.seal(&parts.keys, &plan.name, &self.id)
        });
        let now = self.at.as_millisecond();
        let envelope = Envelope {
            pathway: plan.name.to_string(),
            run: self.id.clone(),
            correlation: self.id.clone(),
            deadline: self
                .deadline
                .map(|deadline| now.saturating_add(i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX))),
            sealed: sealed.transpose().map_err(|error| Problem::unavailable(&error))?,
            idempotency_key: self.idempotency_key.clone(),
            definition: Some(plan.digest.to_string()),
            ..Envelope::default()
        };
        Ok(NewRecord {
            topic: parts.project.topics.real(&plan.topic()).to_owned(),
            key: Some(key.flatten().unwrap_or_else(|| self.id.clone()).into_bytes()),
            value: Some(self.input.clone().into()),
            headers: [envelope.to_headers(), self.trace.headers()].concat().into(),
            time: now,
        })
    }

    /// Publishes it, unless its idempotency key has a run already.
    pub(super) async fn publish(&self, gateway: &Gateway, plan: &Plan) -> Result<Followed, Problem> {
        let store = &gateway.parts.store;
        if let Some(known) = self.known(gateway, plan).await? {
            return Ok(Followed::there(&**store, known.public_id));
        }
        capacity::check(&gateway.parts, plan, self.deadline.is_some())?;
        let record = self.record(gateway, plan)?;
        let followed = Followed::new(&**store, self.id.clone());
        let publishing = self.trace.publishing(gateway.parts.traces.as_ref(), &record.topic);
        let published = gateway.parts.bus.publish(vec![record]).await;
        if let Some(publishing) = publishing {
            publishing.end(published.as_ref().err());
        }
        published.map_err(|error| Problem::from_bus(&error))?;
        Ok(followed)
    }

    /// The run that was started with the same idempotency key, which must be for the same input.
    async fn known(&self, gateway: &Gateway, plan: &Plan) -> Result<Option<Run>, Problem> {
        let Some(key) = &self.idempotency_key else { return Ok(None) };
        let store = &gateway.parts.store;
        let Some(run) = store.run_by_idempotency(&plan.name, self.caller.subject(), key).await? else {
            return Ok(None);
        };
        let field = plan.door.correlation.as_ref().map(|field| field.value.as_str());
        if run.input_hash.as_deref() == Some(&*input_hash(&self.input, field)) {
            return Ok(Some(run));
        }
        let detail = "this `Idempotency-Key` was used for another input";
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Class::Conflict, detail))
    }

    /// Waits until the run is admitted. Where another request with the same key came first, it is
    /// that one's which is followed from then on.
    pub(super) async fn admitted(
        &self,
        followed: &mut Followed,
        gateway: &Gateway,
        plan: &Plan,
    ) -> Result<(), Problem> {
        let store = &gateway.parts.store;
        while !followed.is_there {
            // It is told of once: when it is admitted, or dropped for a duplicate.
            followed.changed().await?;
            let news = followed.watch.news();
            followed.is_there = match news {
                News::GoesOn | News::Ended(_) => true,
                News::Something | News::Perhaps => store.run(&followed.id).await?.is_some(),
            };
            if followed.is_there {
                break;
            }
            if let Some(run) = self.known(gateway, plan).await? {
                *followed = Followed::there(&**store, run.public_id);
            } else if matches!(news, News::Something) {
                let detail = "there was a run of this already";
                return Err(Problem::of(&Failure::new(Class::Conflict, detail)));
            }
        }
        Ok(())
    }

    /// What is answered while its record is safe and its run is not there: which run answers a key is
    /// not known yet.
    pub(super) fn taken(&self) -> Result<Response, Problem> {
        match self.idempotency_key {
            Some(_) => Err(answer::not_taken_up()),
            None => Ok(answer::accepted(&self.id)),
        }
    }
}

impl Followed {
    /// One that may come.
    pub(super) fn new(store: &dyn Store, id: String) -> Self {
        Self { watch: store.watch_run(&id), is_there: false, id }
    }

    /// One that is there.
    pub(super) fn there(store: &dyn Store, id: String) -> Self {
        Self { is_there: true, ..Self::new(store, id) }
    }

    /// The run as it is now; later changes are told of.
    pub(super) async fn read_now(&mut self, store: &dyn Store) -> Result<Option<Run>, StoreError> {
        self.watch.mark();
        store.run(&self.id).await
    }

    pub(super) async fn changed(&mut self) -> Result<(), StoreError> {
        self.watch.changed().await
    }

    /// Waits until the run, which is there, has ended. How is told by the commit that ended it; where
    /// it was not, the store is asked.
    pub(super) async fn ended(&mut self, store: &dyn Store) -> Result<Result<Value, Failure>, Problem> {
        loop {
            match self.watch.news() {
                News::Ended(ended) => return Ok(outcome::told(&ended)),
                News::GoesOn => {}
                News::Something | News::Perhaps => {
                    let run = store.run(&self.id).await?.ok_or_else(Problem::no_run)?;
                    if let Some(outcome) = outcome::of(&run) {
                        return Ok(outcome);
                    }
                }
            }
            self.changed().await?;
        }
    }
}

/// The door is about somebody, and nobody in particular asks.
fn nobody_vouches(plan: &Plan) -> Problem {
    match plan.door.http.as_ref().map(|http| http.auth) {
        Some(Auth::None) => Problem::of(&Failure::new(Class::Denied, "nobody vouches for who asks")),
        _ => Problem::unauthorized("a bearer token is needed to say who asks", false),
    }
}

/// An expression of the door cannot be evaluated for this input.
fn unreadable(error: EvalError) -> Problem {
    Problem::of(&Failure::new(Class::Invalid, error.message))
}
