//! The records that a run sends: what its steps publish, its replies, and its dead letter.

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::document::Form;
use pathway_engine::expression::Tree;
use pathway_engine::project::Project;
use pathway_engine::value;
use pathway_engine::vm::{Class, Extra, Failure, Outside};
use uuid::Uuid;

use super::Admitted;
use crate::bus::dead_letters_of;
use crate::envelope::{CORRELATION_ID, FROM, MESSAGE_ID};
use crate::store::{NewRecord, Payload, Record};
use crate::trace::{TRACEPARENT, TraceContext};

/// Bytes of a record that a step may publish, or that may answer: what brokers take who were told
/// nothing else, 1 MiB, but for what they add.
const LARGEST: usize = (1 << 20) - 1024;
/// Characters of a message in a dead letter's header.
const LONGEST_MESSAGE: usize = 1024;

/// A run, as a sender of records.
pub(super) struct Outgoing<'a> {
    pub(super) project: &'a Project,
    pub(super) run: &'a Admitted,
    pub(super) now: Timestamp,
}

impl Outgoing<'_> {
    /// What a step publishes, and its message id.
    pub(super) fn published(
        &self,
        instance: &str,
        topic: &str,
        key: Option<&str>,
        value: &Value,
        headers: &[(String, String)],
    ) -> Result<(String, NewRecord), Failure> {
        let bytes = value::to_json(value).into_bytes();
        let id = derived_id(&self.run.public_id, instance);
        let place = self.run.span().map(|run| run.child(&id));
        let mut record = self.record(topic, key.map(|key| key.as_bytes().to_vec()), bytes, &id, place);
        record.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        match too_large(&record, "record") {
            None => Ok((id, record)),
            Some(failure) => Err(failure),
        }
    }

    /// The reply for the `row`th value that the run emitted.
    pub(super) fn emitted(&self, value: &Value, row: u32) -> Option<NewRecord> {
        let reply = self.run.plan.door.reply.as_ref()?;
        let Form { emit: Some(tree), .. } = &reply.form else { return None };
        let said = self.said(tree, Extra::Emitted(value.clone()))?;
        Some(self.reply(&reply.topic.value, &said, &format!("!reply[{row}]")))
    }

    /// The reply that says how the run ended.
    pub(super) fn ended(&self, outcome: &Result<Value, Failure>) -> Option<NewRecord> {
        let reply = self.run.plan.door.reply.as_ref()?;
        let formed = |tree: Option<&Tree>, extra: Extra| tree.and_then(|tree| self.said(tree, extra));
        let formed = |outcome: &Result<Value, Failure>| match outcome {
            Ok(value) => formed(reply.form.done.as_ref(), Extra::Nothing).unwrap_or_else(|| value.clone()),
            Err(failure) => formed(reply.form.error.as_ref(), Extra::Error(failure.to_value()))
                .unwrap_or_else(|| problem(failure)),
        };
        let answer = |outcome| self.reply(&reply.topic.value, &formed(outcome), "!reply");
        let record = answer(outcome);
        match too_large(&record, "answer") {
            None => Some(record),
            // Whoever asked shall not wait for what cannot come.
            Some(failure) => Some(answer(&Err(failure))),
        }
    }

    fn said(&self, tree: &Tree, extra: Extra) -> Option<Value> {
        let outside = Outside { extra, now: self.now };
        match outside.eval(tree) {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::warn!(
                    run = self.run.public_id,
                    why = error.message,
                    "a reply could not be put into its form"
                );
                None
            }
        }
    }

    /// The correlation id is the key of every reply, and a field of every one that is a map.
    fn reply(&self, topic: &str, said: &Value, instance: &str) -> NewRecord {
        let mut json = value::to_serde(said);
        if let (Some(field), Some(map)) = (&self.run.plan.door.correlation, json.as_object_mut()) {
            map.insert(field.value.clone(), self.run.correlation.clone().into());
        }
        let key = self.run.correlation.clone().into_bytes();
        let id = derived_id(&self.run.public_id, instance);
        // What answers is the run itself.
        let place = self.run.span();
        let mut record = self.record(topic, Some(key.clone()), json.to_string().into_bytes(), &id, place);
        record.headers.push((CORRELATION_ID.to_owned(), key));
        record
    }

    fn record(
        &self,
        topic: &str,
        key: Option<Vec<u8>>,
        value: Vec<u8>,
        id: &str,
        place: Option<TraceContext>,
    ) -> NewRecord {
        let from = self.run.plan.name.as_bytes().to_vec();
        let mut headers = vec![(MESSAGE_ID.to_owned(), id.as_bytes().to_vec()), (FROM.to_owned(), from)];
        if let Some(place) = place {
            headers.push((TRACEPARENT.to_owned(), place.to_string().into_bytes()));
        }
        NewRecord {
            topic: self.project.topics.real(topic).to_owned(),
            key,
            value: Some(value.into()),
            headers: headers.into(),
            time: self.now.as_millisecond(),
        }
    }

    /// A copy of the record that started the run, for the topic of those that wait for a human.
    pub(super) fn dead_letter(&self, record: Record, failure: &Failure) -> Option<NewRecord> {
        let (topic, partition, offset) = self.run.source.as_ref()?;
        let facts = [
            (MESSAGE_ID, derived_id(&self.run.public_id, "!dead")),
            ("pathway-source-topic", topic.clone()),
            ("pathway-source-partition", partition.to_string()),
            ("pathway-source-offset", offset.to_string()),
            ("pathway-dead-run", self.run.public_id.clone()),
            ("pathway-dead-pathway", self.run.plan.name.to_string()),
            ("pathway-step", failure.step.clone().unwrap_or_default()),
            ("pathway-class", failure.class.name().to_owned()),
            ("pathway-message", failure.message.chars().take(LONGEST_MESSAGE).collect()),
            ("pathway-attempts", failure.attempts.to_string()),
        ];
        let mut headers = record.headers;
        headers.retain(|(name, _)| facts.iter().all(|(fact, _)| fact != name));
        headers.extend(facts.map(|(name, value)| (name.to_owned(), value.into_bytes())));
        Some(NewRecord {
            topic: dead_letters_of(topic),
            key: record.key,
            value: record.value.map(|value| self.without_token(value)),
            headers,
            time: self.now.as_millisecond(),
        })
    }

    /// A record that carried its caller's token is not copied with it.
    fn without_token(&self, value: Payload) -> Payload {
        let Some(field) = &self.run.plan.door.token else { return value };
        match serde_json::from_slice::<serde_json::Value>(&value) {
            Ok(mut json) => match json.as_object_mut().and_then(|map| map.shift_remove(&field.value)) {
                Some(_) => json.to_string().into_bytes().into(),
                None => value,
            },
            // What cannot be read may hold it anywhere.
            Err(_) => Vec::new().into(),
        }
    }
}

/// A dead letter that names its record, where a copy is larger than the bus takes.
pub(super) fn without_value(mut record: NewRecord) -> NewRecord {
    let bytes = record.value.take().map_or(0, |value| value.len());
    record.headers.push(("pathway-omitted-bytes".to_owned(), bytes.to_string().into_bytes()));
    record
}

/// What is said of a record that is larger than the bus may take.
fn too_large(record: &NewRecord, what: &str) -> Option<Failure> {
    let size = record.size();
    let message = || format!("the {what} has {size} bytes with its key and headers, more than {LARGEST}");
    (size > LARGEST).then(|| Failure::new(Class::Invalid, message()))
}

/// The id of what an execution of a step makes: a child, or a message.
pub(super) fn derived_id(run: &str, instance: &str) -> String {
    let namespace = Uuid::parse_str(run).unwrap_or_default();
    Uuid::new_v5(&namespace, instance.as_bytes()).to_string()
}

/// What a failure looks like where the door gives it no form.
fn problem(failure: &Failure) -> Value {
    Value::from_pairs([
        ("title", Value::from(failure.message.as_str())),
        ("status", Value::from(failure.class.http_status())),
        ("class", Value::from(failure.class.name())),
    ])
}
