//! Topics as brokers keep them.

use std::collections::BTreeMap;

use pathway_server::bus::{NewRecord, Offset, Record};

/// A partition.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) records: BTreeMap<Offset, Record>,
    /// The offset of the next record.
    pub(crate) end: Offset,
    /// How far the group has read it, as it was kept.
    pub(crate) committed: Option<Offset>,
}

impl Log {
    pub(crate) fn append(&mut self, record: NewRecord) -> Offset {
        let offset = self.end;
        let NewRecord { key, value, headers, time, .. } = record;
        self.records.insert(offset, Record { offset, key, value, headers, time });
        self.end += 1;
        offset
    }
}

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Topics(BTreeMap<String, Vec<Log>>);

impl Topics {
    /// Makes a topic.
    pub(crate) fn make(&mut self, topic: &str, partitions: i32) {
        let partitions = (0..partitions).map(|_| Log::default()).collect();
        self.0.entry(topic.to_owned()).or_insert(partitions);
    }

    /// The partitions of a topic, which is made if it is not there.
    pub(crate) fn partitions(&mut self, topic: &str) -> &mut Vec<Log> {
        self.make(topic, 1);
        self.0.get_mut(topic).unwrap()
    }

    pub(crate) fn log(&mut self, topic: &str, partition: i32) -> &mut Log {
        &mut self.partitions(topic)[partition as usize]
    }
}
