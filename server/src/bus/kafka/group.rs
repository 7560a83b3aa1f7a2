//! What the member of the group holds: its partitions, what was read of them, and what is
//! committed. Everything here happens on the thread that polls.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset as Place;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::runtime::Handle;

use super::super::{Offset, Record, Truth, Work};
use super::context::Context;
use super::flow::{Flow, Turns};
use super::lookup::Name;
use super::options::Options;
use super::partition::Handover;
use super::position::mark;
use super::queue::{Budget, Queue};
use crate::store::Store;

/// After which what was committed last is committed again.
const UNSURE: Duration = Duration::from_secs(10);

/// The group, as one member sees it.
pub(super) struct Group {
    pub(super) client: Context,
    pub(super) options: Arc<Options>,
    pub(super) store: Arc<dyn Store>,
    pub(super) store_id: String,
    pub(super) runtime: Handle,
    work: Vec<Work>,
    pub(super) handover: Arc<Handover>,
    pub(super) stop: Arc<AtomicBool>,
    /// Whether the group is to be joined anew, because it was not found out where to go on.
    pub(super) is_unsettled: AtomicBool,
    pub(super) budget: Arc<Budget>,
    held: Mutex<BTreeMap<String, BTreeMap<i32, Held>>>,
    /// Queues that were taken away while somebody still worked on them.
    pub(super) lingering: Mutex<Vec<(Name, Arc<Queue>)>>,
}

/// A partition that is ours.
pub(super) struct Held {
    pub(super) queue: Arc<Queue>,
    /// Read, not yet in the queue.
    pub(super) fresh: Vec<Record>,
    /// The offset that should come next.
    pub(super) expected: Offset,
    /// When a record came last, or reading began.
    pub(super) heard: Instant,
    /// What was committed, or is being, since it is ours. Where it begins is committed too: a group
    /// that begins with the newest record goes on from there after a restart.
    pub(super) committed: Option<Offset>,
    /// When, until it was committed a second time.
    pub(super) unsure: Option<Instant>,
    pub(super) flow: Flow,
}

impl Group {
    pub(super) fn new(
        client: Context,
        options: Arc<Options>,
        (store, store_id): (Arc<dyn Store>, String),
        runtime: Handle,
        work: Vec<Work>,
    ) -> Self {
        Self {
            client,
            options,
            store,
            store_id,
            runtime,
            work,
            handover: Arc::default(),
            stop: Arc::default(),
            is_unsettled: AtomicBool::new(false),
            budget: Arc::default(),
            held: Mutex::default(),
            lingering: Mutex::default(),
        }
    }

    /// The partitions that are ours, by topic and number.
    pub(super) fn held(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<i32, Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the work on each of them has come.
    pub(super) fn done(&self) -> BTreeMap<Name, Offset> {
        let held = self.held();
        let all = held.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(number, held)| ((topic.clone(), *number), held.queue.done()))
        });
        all.collect()
    }

    pub(super) fn topics(&self) -> Vec<&str> {
        self.work.iter().map(|work| work.topic.as_str()).collect()
    }

    pub(super) fn truth(&self, topic: &str) -> Truth {
        self.work.iter().find(|work| work.topic == topic).map_or(Truth::Store, |work| work.truth)
    }

    /// Takes a record of one of our partitions.
    pub(super) fn take(&self, topic: &str, partition: i32, record: Record) {
        let mut held = self.held();
        let Some(held) = held.get_mut(topic).and_then(|of| of.get_mut(&partition)) else { return };
        let (offset, expected) = (record.offset, held.expected);
        if held.flow == Flow::Halted {
            return;
        }
        if offset < expected {
            tracing::warn!(topic, partition, offset, expected, "a record came a second time; it is dropped");
            return;
        }
        if offset > expected {
            // Compaction and transactions leave such holes.
            tracing::debug!(topic, partition, offset, expected, "offsets were left out");
        }
        held.expected = offset + 1;
        held.fresh.push(record);
    }

    /// Passes on what was read, pauses what is full and resumes what is not.
    pub(super) fn pass_on(&self, consumer: &BaseConsumer<Self>) {
        let mut turns = Turns::default();
        for (topic, partitions) in self.held().iter_mut() {
            for (partition, held) in partitions {
                if !held.fresh.is_empty() {
                    held.queue.push(held.fresh.drain(..));
                    held.heard = Instant::now();
                }
                turns.look(&mut held.flow, &held.queue, (topic, *partition), held.expected);
            }
        }
        turns.take(consumer);
    }

    /// Commits what was done since the last time. The client does not tell what became of it, so
    /// what was committed last is committed a second time a while later.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Self>) {
        let is_away = self.client.reach.is_away();
        let mut list = TopicPartitionList::new();
        for (topic, partitions) in self.held().iter_mut() {
            for (partition, held) in partitions.iter_mut().filter(|(_, held)| held.flow != Flow::Halted) {
                let done = held.queue.done();
                if held.committed < Some(done) {
                    held.unsure = Some(Instant::now());
                } else if !is_away && held.unsure.is_some_and(|since| since.elapsed() >= UNSURE) {
                    held.unsure = None;
                } else {
                    continue;
                }
                self.add(&mut list, topic, *partition, done);
                held.committed = Some(done);
            }
        }
        if list.count() > 0
            && let Err(error) = consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "offsets were not committed; they will be");
        }
    }

    /// Adds an offset to commit, with the name of the store.
    pub(super) fn add(&self, list: &mut TopicPartitionList, topic: &str, partition: i32, next: Offset) {
        let mut element = list.add_partition(topic, partition);
        if element.set_offset(Place::Offset(next)).is_ok() {
            element.set_metadata(mark(&self.store_id));
        }
    }

    /// The client can do nothing more.
    pub(super) fn fatal(&self, code: RDKafkaErrorCode) {
        let group = &self.options.group;
        self.client.reach.denied(&format!("the membership of group `{group}` is over: {code}"));
    }

    /// What the client did not do, where nothing else can be done about it.
    pub(super) fn noted(&self, what: &str, result: KafkaResult<()>) {
        if let Err(error) = result {
            tracing::warn!(%error, "the Kafka client did not {what} partitions");
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}
