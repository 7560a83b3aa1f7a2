//! Reads topics from their beginning, and waits for what comes.

use std::thread::JoinHandle;

use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{Receiver, channel};

use super::client::{LOOK, created, partitions};
use super::{Kafka, Record, blocking};
use crate::soon;

/// Records that are read ahead.
const AHEAD: usize = 1000;

/// A reader of topics, on its own.
#[derive(Debug)]
pub struct Reader {
    records: Receiver<Record>,
    what: String,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// One that begins with the oldest records.
    ///
    /// # Panics
    /// If a topic is not there.
    pub async fn from_start(kafka: &Kafka, topics: &[&str]) -> Self {
        let what = format!("a record on {}", topics.join(", "));
        let (kafka, topics) = (kafka.clone(), topics.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        let consumer = blocking(move || {
            let consumer = kafka.bystander();
            let mut list = TopicPartitionList::new();
            for topic in &topics {
                for partition in 0..partitions(&consumer, topic) {
                    created(list.add_partition_offset(topic, partition, Offset::Beginning));
                }
            }
            created(consumer.assign(&list));
            consumer
        });
        let consumer = consumer.await;
        let (sender, records) = channel(AHEAD);
        let thread = std::thread::spawn(move || {
            while !sender.is_closed() {
                // What it says else, of a broker that is gone for one, passes.
                if let Some(Ok(message)) = consumer.poll(LOOK)
                    && sender.blocking_send(Record::of(&message)).is_err()
                {
                    break;
                }
            }
        });
        Self { records, what, thread: Some(thread) }
    }

    /// The next record.
    ///
    /// # Panics
    /// If none comes.
    pub async fn next(&mut self) -> Record {
        let what = self.what.clone();
        soon(&what, self.coming()).await
    }

    /// The next record, however long it takes. Safe to cancel.
    ///
    /// # Panics
    /// If none can come.
    pub async fn coming(&mut self) -> Record {
        match self.records.recv().await {
            Some(record) => record,
            None => panic!("the reader has ended"),
        }
    }

    /// The next record for which `wanted` holds; those before it are passed over.
    ///
    /// # Panics
    /// If none comes.
    pub async fn find(&mut self, wanted: impl Fn(&Record) -> bool) -> Record {
        let what = self.what.clone();
        let found = async {
            loop {
                let record = self.next().await;
                if wanted(&record) {
                    return record;
                }
            }
        };
        soon(&format!("{what} that is wanted"), found).await
    }

    /// The next `count` records.
    ///
    /// # Panics
    /// If fewer come.
    pub async fn take(&mut self, count: usize) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < count {
            records.push(self.next().await);
        }
        records
    }
}

impl Drop for Reader {
    /// Waits for its consumer to be gone: one that is still at it when the process ends may crash that.
    fn drop(&mut self) {
        self.records.close();
        if let Some(thread) = self.thread.take() {
            // If it has failed, whoever waited for records knows.
            thread.join().ok();
        }
    }
}
