//! What a feed says of a record: for whom it is, and its event.

use std::fmt;

use axum::body::Bytes;
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::document::Feed;
use pathway_engine::expression::{EvalError, Now, Scope, Slot};
use pathway_engine::value::{self, ValueKind};
use uuid::Uuid;

use super::ring::Event;
use crate::bus::{Offset, Record};

/// What is said of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    key: String,
    /// One line.
    json: String,
    is_last: bool,
}

/// Why a record reaches nobody. Without its content, which may be anybody's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    NotJson,
    NoKey,
    Failed(String),
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => formatter.write_str("it is not JSON"),
            Self::NoKey => formatter.write_str("its key is none"),
            Self::Failed(message) => formatter.write_str(message),
        }
    }
}

impl From<EvalError> for Skipped {
    fn from(error: EvalError) -> Self {
        Self::Failed(error.message)
    }
}

/// What `feed` says of a record of its topic.
pub(super) fn of(feed: &Feed, partition: i32, record: &Record) -> Result<Said, Skipped> {
    let payload = record.value.as_ref().ok_or(Skipped::NotJson)?;
    let value = payload.json().map_err(|_| Skipped::NotJson)?.into_value();
    let seen = Seen { record: describe(feed, partition, record, &value) };
    let key = key(&feed.key.eval_or_none(&seen)?).ok_or(Skipped::NoKey)?;
    let is_last = feed.until.as_ref().map_or(Ok(false), |until| until.test(&seen))?;
    let data = feed.data.as_ref().map_or(Ok(value), |data| data.eval(&seen))?;
    Ok(Said { key, json: value::to_json(&data), is_last })
}

impl Said {
    pub(super) fn into_event(self, partition: i32, offset: Offset, id: &str) -> Event {
        Event {
            key: self.key.into(),
            partition,
            offset,
            bytes: Bytes::from(format!("id: {id}\ndata: {}\n\n", self.json)),
            is_last: self.is_last,
        }
    }
}

/// The text that keys are compared by; none where the value cannot be one.
pub(super) fn key(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Some(value.to_string()),
        _ => None,
    }
}

/// `record`, as expressions see it. What is not UTF-8 in its key and headers is not seen.
fn describe(feed: &Feed, partition: i32, record: &Record, value: &Value) -> Value {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Value::from);
    let headers = record.headers.iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), text(value)?)));
    let time = Timestamp::from_millisecond(record.time).map(|time| Value::from(time.to_string()));
    Value::from_pairs([
        ("key", record.key.as_deref().and_then(text).unwrap_or_else(none)),
        ("value", value.clone()),
        ("headers", Value::from_pairs(headers)),
        ("topic", Value::from(feed.topic.value.as_str())),
        ("partition", Value::from(partition)),
        ("offset", Value::from(record.offset)),
        ("time", time.unwrap_or_else(|_| none())),
    ])
}

fn none() -> Value {
    Value::from(())
}

/// What the expressions about a record see.
struct Seen {
    record: Value,
}

impl Scope for Seen {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Record => self.record.clone(),
            _ => none(),
        }
    }

    fn now(&self) -> Now {
        Timestamp::now()
    }

    fn uuid(&self, _: u32) -> String {
        Uuid::now_v7().to_string()
    }
}
