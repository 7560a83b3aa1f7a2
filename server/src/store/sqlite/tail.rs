//! The newest records of topics that somebody watches, as they were committed: whoever is woken by
//! them need not read them back from the disk.
//!
//! It has all records of a topic from some offset on, or none: a topic that nobody watches when
//! something is published on it is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::{NewRecord, Offset, Record};

/// Records of a topic.
const RECORDS: usize = 1024;
/// Bytes of a topic's records.
const BYTES: usize = 1 << 20;

/// What was published in a transaction.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) topic: String,
    pub(super) from: Offset,
    /// None: nobody watches the topic.
    pub(super) records: Option<Vec<NewRecord>>,
}

/// See above.
#[derive(Debug, Default)]
pub(super) struct Tail {
    topics: Mutex<HashMap<String, Topic>>,
}

#[derive(Debug, Default)]
struct Topic {
    /// Without gaps.
    records: VecDeque<Record>,
    bytes: usize,
}

impl Tail {
    fn topics(&self) -> MutexGuard<'_, HashMap<String, Topic>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was committed, in order.
    pub(super) fn extend(&self, published: impl Iterator<Item = Published>) {
        let mut topics = self.topics();
        for Published { topic, from, records } in published {
            match records {
                Some(records) => topics.entry(topic).or_default().extend(from, records),
                None => drop(topics.remove(&topic)),
            }
        }
    }

    /// As [`crate::store::Store::records`]; none where it does not reach back to `from`.
    pub(super) fn read(
        &self,
        topic: &str,
        from: Offset,
        limit: u32,
        max_bytes: usize,
    ) -> Option<Vec<Record>> {
        let topics = self.topics();
        let kept = &topics.get(topic)?.records;
        let skip = usize::try_from(from - kept.front()?.offset).ok().filter(|skip| *skip <= kept.len())?;
        let (mut read, mut bytes) = (Vec::new(), 0);
        for record in kept.iter().skip(skip).take(limit as usize) {
            bytes += record.size();
            if bytes > max_bytes && !read.is_empty() {
                break;
            }
            read.push(record.clone());
        }
        Some(read)
    }
}

impl Topic {
    fn extend(&mut self, from: Offset, records: Vec<NewRecord>) {
        if self.records.back().is_some_and(|last| last.offset + 1 != from) {
            *self = Self::default();
        }
        for (offset, NewRecord { key, value, headers, time, .. }) in (from..).zip(records) {
            let record = Record { offset, key, value, headers, time };
            self.bytes += record.size();
            self.records.push_back(record);
            while self.records.len() > RECORDS || self.bytes > BYTES {
                let Some(oldest) = self.records.pop_front() else { break };
                self.bytes -= oldest.size();
            }
        }
    }
}
