//! The end of a run: its status, its reply, and the dead letter of one that is parked.

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::document::Form;
use pathway_engine::expression::Tree;
use pathway_engine::journal::Outcome;
use pathway_engine::vm::{Class, Extra, Failure, Outside};

use super::Observed;
use super::actor::Actor;
use crate::store::{NewRecord, Status, StatusChange, StoreError};

impl Actor {
    /// Makes the outcome durable; tells whether the run was parked.
    pub(super) async fn finish(&mut self) -> Result<bool, StoreError> {
        self.tasks.abort_all();
        let Some(outcome) = self.vm.outcome().cloned() else { return Ok(false) };
        let status = self.status(&outcome);
        self.reply(&outcome);
        if status == Status::Parked {
            self.dead_letter(&outcome).await?;
        }
        let stored = match &outcome {
            Ok(value) => Outcome::Answer(value.clone()),
            Err(failure) => Outcome::Failure(failure.clone()),
        };
        self.commit_with(Some(StatusChange {
            status,
            outcome: serde_json::to_vec(&stored).ok(),
            wake_at: None,
            at: Timestamp::now().as_millisecond(),
        }))
        .await?;
        let (pathway, run) = (self.plan().name.clone(), self.run.public_id.clone());
        match &outcome {
            Ok(_) => tracing::info!(%pathway, run, "succeeded"),
            Err(failure) if status == Status::Parked => tracing::warn!(
                %pathway, run, class = failure.class.name(), step = failure.step, message = failure.message,
                "parked: it can be redriven from the failing step"
            ),
            Err(failure) => tracing::info!(
                %pathway, run, class = failure.class.name(), step = failure.step, message = failure.message,
                "failed"
            ),
        }
        let parked = status == Status::Parked;
        self.inner.observe(|| Observed::Ended { run, outcome, parked });
        Ok(parked)
    }

    fn status(&self, outcome: &Result<Value, Failure>) -> Status {
        match outcome {
            Ok(_) => Status::Succeeded,
            Err(failure) if failure.class == Class::Cancelled => Status::Cancelled,
            // A child's failure is its caller's to handle.
            Err(_) if self.run.parent.is_some() => Status::Failed,
            Err(failure) if self.run.from_http && is_callers(failure.class) => Status::Failed,
            Err(_) => Status::Parked,
        }
    }

    /// The record on the reply topic that says how the run ended.
    fn reply(&mut self, outcome: &Result<Value, Failure>) {
        let plan = self.plan().clone();
        let Some(reply) = &plan.door.reply else { return };
        let said = match outcome {
            Ok(value) => said(reply.form.done.as_ref(), Extra::Nothing).unwrap_or_else(|| value.clone()),
            Err(failure) => said(reply.form.error.as_ref(), Extra::Error(failure.to_value()))
                .unwrap_or_else(|| problem(failure)),
        };
        self.publish_reply(&reply.topic.value, &said);
    }

    /// The record on the reply topic for an emitted value.
    pub(super) fn reply_emitted(&mut self, value: &Value) {
        let plan = self.plan().clone();
        let Some(reply) = &plan.door.reply else { return };
        let Form { emit: Some(tree), .. } = &reply.form else { return };
        if let Some(said) = said(Some(tree), Extra::Emitted(value.clone())) {
            self.publish_reply(&reply.topic.value, &said);
        }
    }

    /// The correlation id is the key of every reply, and a field of every one that is a map.
    fn publish_reply(&mut self, topic: &str, said: &Value) {
        let field = self.plan().door.correlation.as_ref().map(|field| field.value.clone());
        let mut json = pathway_engine::value::to_serde(said);
        if let (Some(field), Some(map)) = (field, json.as_object_mut()) {
            map.insert(field, self.run.correlation.clone().into());
        }
        self.change.records.push(NewRecord {
            topic: self.inner.project.topics.real(topic).to_owned(),
            key: Some(self.run.correlation.clone().into_bytes()),
            value: Some(json.to_string().into_bytes()),
            headers: Vec::new(),
            time: Timestamp::now().as_millisecond(),
        });
    }

    /// A copy of the record that started the run, on its topic's dead-letter topic.
    async fn dead_letter(&mut self, outcome: &Result<Value, Failure>) -> Result<(), StoreError> {
        let (Some((topic, partition, offset)), Err(failure)) = (self.run.source.clone(), outcome) else {
            return Ok(());
        };
        let Ok(Some(record)) = self.inner.bus.record(&topic, partition, offset).await else { return Ok(()) };
        let facts = [
            ("pathway-source-topic", topic.clone()),
            ("pathway-source-partition", partition.to_string()),
            ("pathway-source-offset", offset.to_string()),
            ("pathway-dead-run", self.run.public_id.clone()),
            ("pathway-dead-pathway", self.plan().name.to_string()),
            ("pathway-step", failure.step.clone().unwrap_or_default()),
            ("pathway-class", failure.class.name().to_owned()),
            ("pathway-message", failure.message.chars().take(1024).collect()),
            ("pathway-attempts", failure.attempts.to_string()),
        ];
        let mut headers = record.headers;
        headers.extend(facts.map(|(name, value)| (name.to_owned(), value.into_bytes())));
        self.change.records.push(NewRecord {
            topic: format!("{topic}.dlq"),
            key: record.key,
            value: record.value,
            headers,
            time: Timestamp::now().as_millisecond(),
        });
        Ok(())
    }
}

/// Classes that are the caller's affair: nothing is to be redriven.
fn is_callers(class: Class) -> bool {
    matches!(class, Class::Invalid | Class::Denied | Class::NotFound | Class::Conflict | Class::Cancelled)
}

fn said(tree: Option<&Tree>, extra: Extra) -> Option<Value> {
    let outside = Outside { extra, now: Timestamp::now() };
    match outside.eval(tree?) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(message = error.message, "a reply could not be put into its form");
            None
        }
    }
}

/// What a failure looks like where the door gives it no form.
fn problem(failure: &Failure) -> Value {
    Value::from_pairs([
        ("title", Value::from(failure.message.as_str())),
        ("status", Value::from(failure.class.http_status())),
        ("class", Value::from(failure.class.name())),
    ])
}
