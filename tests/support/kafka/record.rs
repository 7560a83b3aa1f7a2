//! Records as others than Pathway write and read them.

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use serde_json::Value;

/// A record to write.
#[derive(Debug, Clone)]
pub struct Message {
    pub(super) topic: String,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// One with neither key nor value.
    #[must_use]
    pub fn to(topic: &str) -> Self {
        Self { topic: topic.to_owned(), key: None, value: None, headers: Vec::new() }
    }

    /// With this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With this value.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.bytes(value.to_string())
    }

    /// With this value, whatever it is.
    #[must_use]
    pub fn bytes(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Whether `record` has its key and its headers, perhaps among others.
    #[must_use]
    pub fn is_in(&self, record: &Record) -> bool {
        self.key == record.key && self.headers.iter().all(|header| record.headers.contains(header))
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Record {
    pub(super) fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| {
            headers.iter().map(|it| (it.key.to_owned(), it.value.unwrap_or_default().to_vec()))
        });
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.collect(),
        }
    }

    /// The key as text; empty if there is none.
    #[must_use]
    pub fn key(&self) -> String {
        self.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default()
    }

    /// The value.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(self.value.as_deref().unwrap_or_default()) {
            Ok(value) => value,
            Err(error) => panic!("no JSON in {self:?}: {error}"),
        }
    }

    /// The first header of that name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}
