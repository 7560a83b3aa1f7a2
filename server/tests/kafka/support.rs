//! Short ways to say what a test needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathway_engine::project::{Kafka, OnGap, Resolved, Start};
use pathway_server::bus::*;
use pathway_server::store::{Admit, SqliteStore, Store};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, TopicPartitionList};
use tokio::sync::watch;

use crate::cluster::Cluster;

/// Waiting ends here, where something is broken.
pub(crate) const LONG: Duration = Duration::from_secs(90);
pub(crate) const MANY: u32 = 1_000;
pub(crate) const BYTES: usize = 1 << 20;

/// Waits for what must come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it came in time")
}

/// A group of its own, from the oldest record on.
pub(crate) fn kafka(cluster: &Cluster) -> Kafka {
    Kafka {
        servers: Resolved::open(cluster.servers.clone()),
        client_id: Resolved::open("test"),
        group: Resolved::open(format!("group-{}", uuid::Uuid::new_v4())),
        start: Start::Earliest,
        on_gap: OnGap::Continue,
        take_over: false,
        // A group that is made anew is noticed soon.
        options: vec![("heartbeat.interval.ms".to_owned(), Resolved::open("100"))],
    }
}

pub(crate) fn store() -> Arc<dyn Store> {
    Arc::new(SqliteStore::in_memory().unwrap())
}

pub(crate) fn bus(kafka: &Kafka, store: &Arc<dyn Store>) -> KafkaBus {
    KafkaBus::new(kafka, store.clone(), "this-store".to_owned()).unwrap()
}

pub(crate) fn record(topic: &str, key: &str, value: impl Into<Vec<u8>>) -> NewRecord {
    NewRecord {
        topic: topic.to_owned(),
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.into().into()),
        headers: Vec::new().into(),
        time: 1_000,
    }
}

/// `count` records, numbered, of a few keys.
pub(crate) fn numbered(topic: &str, range: std::ops::Range<usize>) -> Vec<NewRecord> {
    range.map(|n| record(topic, &format!("key-{}", n % 7), n.to_string())).collect()
}

pub(crate) fn number(record: &Record) -> usize {
    std::str::from_utf8(record.value.as_deref().unwrap()).unwrap().parse().unwrap()
}

pub(crate) fn work(topic: &str) -> Vec<Work> {
    vec![Work { topic: topic.to_owned(), truth: Truth::Store }]
}

/// Waits until the bus says that all is well, or why not.
pub(crate) async fn reached(reach: &mut watch::Receiver<Reach>) {
    soon(reach.wait_for(Result::is_ok)).await.unwrap();
}

pub(crate) async fn unreached(reach: &mut watch::Receiver<Reach>, word: &str) -> String {
    let is = |reach: &Reach| reach.as_ref().is_err_and(|why| why.contains(word));
    soon(reach.wait_for(is)).await.unwrap().clone().unwrap_err().to_string()
}

/// What a worker has admitted, by partition.
pub(crate) type Seen = Arc<Mutex<BTreeMap<i32, Vec<Record>>>>;

/// Admits whatever it is given, as the runner does, until its bus is closed. The store conflicts
/// where two believe that a partition is theirs.
pub(crate) async fn admit_all(
    mut consumer: Box<dyn Consumer>,
    store: Arc<dyn Store>,
    seen: Seen,
    told: watch::Sender<usize>,
) {
    loop {
        let mut partition = consumer.assigned().await.unwrap();
        let (store, seen, told) = (store.clone(), seen.clone(), told.clone());
        tokio::spawn(async move {
            while let Some(batch) = partition.next_batch(50, BYTES).await.unwrap() {
                admit(&*store, partition.topic(), &batch).await;
                partition.done(batch.next_offset);
                let count = batch.records.len();
                seen.lock().unwrap().entry(batch.partition).or_default().extend(batch.records);
                told.send_modify(|seen| *seen += count);
            }
        });
    }
}

pub(crate) async fn admit(store: &dyn Store, topic: &str, batch: &Batch) {
    let change = Admit {
        topic: topic.to_owned(),
        partition: batch.partition,
        proof: None,
        from_offset: batch.from_offset,
        next_offset: batch.next_offset,
        received: Vec::new(),
        runs: Vec::new(),
    };
    store.admit(change).await.unwrap();
}

/// Moves the store's next offset.
pub(crate) async fn admitted_before(store: &dyn Store, topic: &str, next: i64) {
    let batch = Batch { partition: 0, from_offset: 0, next_offset: next, records: Vec::new() };
    admit(store, topic, &batch).await;
}

/// Another client, of the same group.
pub(crate) fn other(cluster: &Cluster, kafka: &Kafka) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", &cluster.servers)
        .set("group.id", &kafka.group.value)
        .create()
        .unwrap()
}

/// Commits an offset as another client would.
pub(crate) fn commit(cluster: &Cluster, kafka: &Kafka, topic: &str, next: i64, metadata: &str) {
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(topic, 0);
    element.set_offset(rdkafka::Offset::Offset(next)).unwrap();
    element.set_metadata(metadata);
    other(cluster, kafka).commit(&list, CommitMode::Sync).unwrap();
}

/// What the group has committed for a partition.
pub(crate) fn committed(cluster: &Cluster, kafka: &Kafka, topic: &str) -> (Option<i64>, String) {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let list = other(cluster, kafka).committed_offsets(list, LONG).unwrap();
    let element = &list.elements()[0];
    let offset = match element.offset() {
        rdkafka::Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    (offset, element.metadata().to_owned())
}
