//! The end of a run that was under way: its status, its reply, and the dead letter of one that is
//! parked, or undone.

use pathway_engine::Value;
use pathway_engine::vm::Failure;

use super::Observed;
use super::actor::Actor;
use super::drive::Left;
use super::ending::Ending;
use crate::store::{Record, Status, StatusChange, StoreError};

impl Actor {
    /// Makes the outcome durable; tells how the run was left.
    pub(super) async fn finish(&mut self) -> Result<Left, StoreError> {
        match self.vm.outcome().cloned() {
            Some(outcome) => self.end(outcome).await,
            None => Ok(Left::Over),
        }
    }

    /// Ends the run so; tells how it was left.
    pub(super) async fn end(&mut self, outcome: Result<Value, Failure>) -> Result<Left, StoreError> {
        self.tasks.abort_all();
        self.lone = None;
        let ending = Ending { run: &self.run, outcome: &outcome };
        let (status, stored) = (ending.status(), ending.stored());
        let left = ending.dead_letter().cloned();
        let current = self.inner.current();
        let outgoing = self.inner.outgoing(&current, &self.run);
        if !self.run.silent {
            self.change.records.extend(outgoing.ended(&outcome));
        }
        if let Some(failure) = left {
            self.dead_letter(&failure).await;
        }
        let at = self.inner.clock.millis();
        self.commit_with(Some(StatusChange { status, outcome: stored, wake_at: None, at })).await?;
        if status.is_final() {
            self.leave_called().await;
        }
        self.inner.ended(&self.run, &outcome, status);
        let (run, parked) = (self.run.public_id.clone(), status == Status::Parked);
        self.inner.observe(|| Observed::Ended { run, outcome, parked });
        Ok(if parked { Left::Parked } else { Left::Over })
    }

    /// A copy of the record that started the run, on its topic's dead-letter topic.
    async fn dead_letter(&mut self, failure: &Failure) {
        let Some((_, _, offset)) = self.run.source else { return };
        let record = match self.plan().has_journal() {
            true => self.inner.source_of(&self.run).await.or_else(|| self.restored(offset)),
            false => self.inner.source_patiently(&self.run).await,
        };
        let current = self.inner.current();
        let outgoing = self.inner.outgoing(&current, &self.run);
        self.change.records.extend(record.and_then(|record| outgoing.dead_letter(record, failure)));
    }

    fn masked(&self, input: &Value) -> Value {
        self.plan().input.as_ref().map_or_else(|| input.clone(), |schema| schema.mask(input))
    }

    /// The record as far as the journal has it, where the bus keeps it no longer.
    fn restored(&self, offset: i64) -> Option<Record> {
        let started = super::actor::started(&self.run.events)?;
        Some(Record {
            offset,
            key: self.run.lane.as_ref().map(|lane| lane.key.clone().into_bytes()),
            value: Some(pathway_engine::value::to_json(&self.masked(&started.input)).into_bytes().into()),
            headers: vec![("pathway-restored".to_owned(), b"from the journal".to_vec())].into(),
            time: self.inner.clock.millis(),
        })
    }
}
