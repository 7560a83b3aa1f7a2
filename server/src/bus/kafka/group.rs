//! The partitions that the group has given to this process, from the callback that gives or takes
//! them to the offsets that are committed. All of it happens on the thread that polls: once the
//! callback that takes a partition has returned, nothing of it can be committed any more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset as Place;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::super::{BusError, Offset, Record, Truth, Work};
use super::context::Context;
use super::lookup::{self, Name};
use super::options::Options;
use super::partition::{Assigned, Handover};
use super::position::{Decision, Known, decide, mark, records};
use super::queue::{Budget, Queue};
use crate::store::Store;

/// How long to ask where to go on, before the group is joined anew.
const SETTLING: Duration = Duration::from_secs(15);
/// Between two attempts of it.
const PAUSE: Duration = Duration::from_millis(250);
/// How long to wait for work of an earlier assignment of the same partition.
const LINGERING: Duration = Duration::from_secs(30);
/// How long a partition stays paused at least, unless nothing of it is left.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// After which what was committed last is committed again.
const UNSURE: Duration = Duration::from_secs(10);
/// Nothing was committed since the partition was given to us. Where it begins is committed too: a
/// group that begins with the newest record goes on from there after a restart.
const NOTHING: Offset = -1;

/// What the thread knows of the group.
pub(super) struct Group {
    client: Context,
    options: Arc<Options>,
    store: Arc<dyn Store>,
    store_id: String,
    runtime: Handle,
    work: Vec<Work>,
    pub(super) handover: Arc<Handover>,
    pub(super) stop: Arc<AtomicBool>,
    /// Whether the group is to be joined anew, because it was not settled where to go on.
    pub(super) is_unsettled: AtomicBool,
    budget: Arc<Budget>,
    held: Mutex<BTreeMap<String, BTreeMap<i32, Held>>>,
    /// Queues that were taken while somebody still worked on them.
    lingering: Mutex<Vec<(Name, Arc<Queue>)>>,
}

/// A partition that is ours.
struct Held {
    queue: Arc<Queue>,
    /// Read, not yet in the queue.
    fresh: Vec<Record>,
    /// The offset that should come next.
    expected: Offset,
    /// What was committed, or is being.
    committed: Offset,
    /// When, until it was committed a second time.
    unsure: Option<Instant>,
    flow: Flow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Reading,
    /// Since then too much waits to be worked on.
    Paused(Instant),
    /// It is left alone.
    Halted,
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

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<i32, Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lingering(&self) -> MutexGuard<'_, Vec<(Name, Arc<Queue>)>> {
        self.lingering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Takes a record of one of our partitions.
    pub(super) fn take(&self, topic: &str, partition: i32, record: Record) {
        let mut held = self.held();
        let Some(held) = held.get_mut(topic).and_then(|of| of.get_mut(&partition)) else { return };
        let offset = record.offset;
        if held.flow == Flow::Halted {
            return;
        }
        if offset < held.expected {
            let expected = held.expected;
            tracing::warn!(topic, partition, offset, expected, "a record came a second time; it is dropped");
            return;
        }
        if offset > held.expected {
            // Compaction and transactions leave such holes.
            tracing::debug!(topic, partition, offset, expected = held.expected, "offsets were left out");
        }
        held.expected = offset + 1;
        held.fresh.push(record);
    }

    /// Passes on what was read, pauses what is full and resumes what is not.
    pub(super) fn pass_on(&self, consumer: &BaseConsumer<Self>) {
        let mut full = TopicPartitionList::new();
        let mut low = TopicPartitionList::new();
        for (topic, partitions) in self.held().iter_mut() {
            for (partition, held) in partitions {
                if !held.fresh.is_empty() {
                    held.queue.push(held.fresh.drain(..));
                }
                match held.flow {
                    Flow::Reading if held.queue.is_full() => {
                        full.add_partition(topic, *partition);
                        held.flow = Flow::Paused(Instant::now());
                    }
                    Flow::Paused(since)
                        if held.queue.is_empty()
                            || (since.elapsed() >= SHORTEST_PAUSE && held.queue.is_low()) =>
                    {
                        low.add_partition(topic, *partition);
                        held.flow = Flow::Reading;
                    }
                    _ => {}
                }
            }
        }
        if full.count() > 0 {
            self.noted("pause", consumer.pause(&full));
        }
        if low.count() > 0 {
            self.noted("resume", consumer.resume(&low));
        }
    }

    fn noted(&self, what: &str, result: KafkaResult<()>) {
        if let Err(error) = result {
            tracing::warn!(%error, "the Kafka client did not {what} partitions");
        }
    }

    /// Commits what was done since the last time. The client does not tell what became of it, so
    /// what was committed last is committed a second time a while later.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Self>) {
        let is_away = self.client.reach.is_away();
        let mut list = TopicPartitionList::new();
        for (topic, partitions) in self.held().iter_mut() {
            for (partition, held) in partitions.iter_mut().filter(|(_, held)| held.flow != Flow::Halted) {
                let done = held.queue.done();
                if done > held.committed {
                    held.unsure = Some(Instant::now());
                } else if !is_away && held.unsure.is_some_and(|since| since.elapsed() >= UNSURE) {
                    held.unsure = None;
                } else {
                    continue;
                }
                self.add(&mut list, topic, *partition, done);
                held.committed = done;
            }
        }
        if list.count() > 0
            && let Err(error) = consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "offsets were not committed; they will be");
        }
    }

    fn add(&self, list: &mut TopicPartitionList, topic: &str, partition: i32, next: Offset) {
        let mut element = list.add_partition(topic, partition);
        if element.set_offset(Place::Offset(next)).is_ok() {
            element.set_metadata(mark(&self.store_id));
        }
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let names: Vec<Name> = names(list);
        self.wait_for_lingering(&names);
        let decisions = match self.settle(consumer, &names) {
            Ok(decisions) => decisions,
            Err(error) => {
                if let Some(error) = error {
                    self.handover.fail(error);
                }
                self.is_unsettled.store(true, Ordering::Relaxed);
                BTreeMap::new()
            }
        };
        for mut element in list.elements() {
            let name = (element.topic().to_owned(), element.partition());
            let place = match decisions.get(&name) {
                Some(Decision::Begin { at, .. }) => Place::Offset(*at),
                // Paused below; nothing of it is worked on.
                Some(Decision::Halt(_)) | None => Place::End,
            };
            if let Err(error) = element.set_offset(place) {
                tracing::error!(topic = name.0, partition = name.1, %error, "an offset cannot be set");
            }
        }
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            _ => consumer.assign(list),
        };
        self.noted("take", result);
        let mut alone = TopicPartitionList::new();
        for (topic, partition) in &names {
            if self.begin(topic, *partition, decisions.get(&(topic.clone(), *partition))) == Flow::Halted {
                alone.add_partition(topic, *partition);
            }
        }
        if alone.count() > 0 {
            self.noted("pause", consumer.pause(&alone));
        }
        if !self.is_unsettled.load(Ordering::Relaxed) {
            tracing::info!(group = self.options.group, partitions = names.len(), "work was given out");
            self.client.reach.assigned();
        }
    }

    /// Begins to hold a partition.
    fn begin(&self, topic: &str, partition: i32, decision: Option<&Decision>) -> Flow {
        let (from, at, flow) = match decision {
            Some(Decision::Begin { from, at }) => (*from, *at, Flow::Reading),
            Some(Decision::Halt(why)) => {
                self.client.reach.halted(topic, partition, why);
                (0, 0, Flow::Halted)
            }
            None => (0, 0, Flow::Halted),
        };
        if at > from {
            let lost = at - from;
            tracing::error!(
                topic,
                partition,
                from,
                at,
                "{} were deleted before they were read; going on without them",
                records(lost)
            );
        }
        let queue = Arc::new(Queue::new(partition, from, self.budget.clone(), Arc::new(Notify::new())));
        if flow == Flow::Reading {
            self.handover.offer(Assigned::new(topic, partition, queue.clone()));
        }
        let held = Held { queue, fresh: Vec::new(), expected: at, committed: NOTHING, unsure: None, flow };
        self.held().entry(topic.to_owned()).or_default().insert(partition, held);
        flow
    }

    /// Waits for work on the same partitions that an earlier assignment began: what it does to the
    /// store has to be seen.
    fn wait_for_lingering(&self, names: &[Name]) {
        let deadline = Instant::now() + LINGERING;
        let lingering = std::mem::take(&mut *self.lingering());
        let (ours, others): (Vec<_>, Vec<_>) =
            lingering.into_iter().partition(|(name, _)| names.contains(name));
        for ((topic, partition), queue) in &ours {
            if !queue.settle(deadline) {
                tracing::warn!(topic, partition, "work from an earlier assignment is still under way");
            }
        }
        *self.lingering() = others;
    }

    /// Where to go on in each partition. No error: it was not found out in time.
    fn settle(
        &self,
        consumer: &BaseConsumer<Self>,
        names: &[Name],
    ) -> Result<BTreeMap<Name, Decision>, Option<BusError>> {
        let mut rows = BTreeMap::new();
        for (topic, partition) in names {
            if self.truth(topic) == Truth::Store {
                let row = self.runtime.block_on(self.store.next_offset(topic, *partition));
                if let Some(row) = row.map_err(|error| Some(BusError::Store(error)))? {
                    rows.insert((topic.clone(), *partition), row);
                }
            }
        }
        let deadline = Instant::now() + SETTLING;
        loop {
            match self.ask(consumer, names, &rows) {
                Ok(decisions) => return Ok(decisions),
                Err(error) if Instant::now() >= deadline || self.is_stopping() => {
                    tracing::warn!(%error, "it could not be found out where to go on; joining the group anew");
                    return Err(None);
                }
                Err(error) => {
                    tracing::debug!(%error, "it is not known yet where to go on");
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    fn ask(
        &self,
        consumer: &BaseConsumer<Self>,
        names: &[Name],
        rows: &BTreeMap<Name, Offset>,
    ) -> KafkaResult<BTreeMap<Name, Decision>> {
        let unknown: Vec<Name> = names.iter().filter(|name| !rows.contains_key(name)).cloned().collect();
        let mut committed = lookup::committed(consumer, &unknown)?;
        let oldest = lookup::offsets(consumer, names, Place::Beginning)?;
        let ends = lookup::offsets(consumer, names, Place::End)?;
        let mut decisions = BTreeMap::new();
        for name in names {
            let (Some(oldest), Some(end)) = (oldest.get(name), ends.get(name)) else { continue };
            let known = Known {
                topic: name.0.clone(),
                partition: name.1,
                truth: self.truth(&name.0),
                row: rows.get(name).copied(),
                committed: committed.remove(name),
                oldest: *oldest,
                end: *end,
            };
            decisions.insert(name.clone(), decide(&known, &self.options, &self.store_id));
        }
        Ok(decisions)
    }

    fn truth(&self, topic: &str) -> Truth {
        self.work.iter().find(|work| work.topic == topic).map_or(Truth::Store, |work| work.truth)
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let is_lost = consumer.assignment_lost();
        let names = names(list);
        let mut revoked = Vec::new();
        {
            let mut held = self.held();
            for name in names {
                if let Some(partition) = held.get_mut(&name.0).and_then(|of| of.remove(&name.1)) {
                    revoked.push((name, partition));
                }
            }
        }
        for ((topic, partition), held) in &revoked {
            held.queue.close();
            self.client.reach.released(topic, *partition);
        }
        let is_revoked = |topic: &str, partition| {
            revoked.iter().any(|((own, number), _)| own == topic && *number == partition)
        };
        self.handover.take_back(is_revoked);
        if is_lost {
            tracing::warn!(partitions = revoked.len(), "the group has taken partitions away from us");
        } else {
            let deadline = Instant::now() + self.options.revoke;
            self.give_back(consumer, &revoked, deadline);
        }
        let mut lingering = self.lingering();
        lingering.retain(|(_, queue)| !queue.settle(Instant::now()));
        lingering.extend(
            revoked
                .into_iter()
                .map(|(name, held)| (name, held.queue))
                .filter(|(_, queue)| !queue.settle(Instant::now())),
        );
        drop(lingering);
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            _ => consumer.unassign(),
        };
        self.noted("give back", result);
    }

    /// Waits for the work on partitions, then commits what was done.
    fn give_back(&self, consumer: &BaseConsumer<Self>, revoked: &[(Name, Held)], deadline: Instant) {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), held) in revoked {
            if !held.queue.settle(deadline) {
                tracing::warn!(topic, partition, "work on a partition that is given back is still under way");
            }
            let done = held.queue.done();
            if held.flow != Flow::Halted && (done > held.committed || held.unsure.is_some()) {
                self.add(&mut list, topic, *partition, done);
            }
        }
        if list.count() > 0
            && !self.client.reach.is_away()
            && let Err(error) = consumer.commit(&list, CommitMode::Sync)
        {
            tracing::warn!(%error, "offsets were not committed; the store has them");
        }
    }

    /// The client met a place that is not there: finds out where, and what to do about it.
    pub(super) fn check(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        let places: Vec<(Name, Offset)> = self
            .held()
            .iter()
            .flat_map(|(topic, partitions)| {
                let reading = partitions.iter().filter(|(_, held)| held.flow != Flow::Halted);
                reading.map(|(partition, held)| ((topic.clone(), *partition), held.expected))
            })
            .collect();
        let names: Vec<Name> = places.iter().map(|(name, _)| name.clone()).collect();
        let oldest = lookup::offsets(consumer, &names, Place::Beginning)?;
        let ends = lookup::offsets(consumer, &names, Place::End)?;
        let is_there = |name: &Name, expected: Offset| match (oldest.get(name), ends.get(name)) {
            (Some(oldest), Some(end)) => (*oldest..=*end).contains(&expected),
            _ => true,
        };
        // A replica that was behind: the client has to be told to go on.
        let is_mended = places.iter().all(|(name, expected)| is_there(name, *expected));
        for (name, expected) in places {
            if is_mended {
                consumer.seek(&name.0, name.1, Place::Offset(expected), lookup::PATIENCE)?;
            }
            let (Some(oldest), Some(end)) = (oldest.get(&name), ends.get(&name)) else { continue };
            if is_there(&name, expected) {
                continue;
            }
            let known = Known {
                topic: name.0.clone(),
                partition: name.1,
                truth: Truth::Store,
                row: Some(expected),
                committed: None,
                oldest: *oldest,
                end: *end,
            };
            match decide(&known, &self.options, &self.store_id) {
                Decision::Begin { at, .. } => self.skip_to(consumer, &name, expected, at)?,
                Decision::Halt(why) => self.halt(consumer, &name, &why),
            }
        }
        Ok(())
    }

    fn skip_to(
        &self,
        consumer: &BaseConsumer<Self>,
        (topic, partition): &Name,
        expected: Offset,
        at: Offset,
    ) -> KafkaResult<()> {
        consumer.seek(topic, *partition, Place::Offset(at), lookup::PATIENCE)?;
        tracing::error!(
            topic,
            partition,
            from = expected,
            at,
            "{} were deleted before they were read; going on without them",
            records(at - expected)
        );
        if let Some(held) = self.held().get_mut(topic).and_then(|of| of.get_mut(partition)) {
            held.expected = at;
        }
        Ok(())
    }

    /// The client can do nothing more.
    pub(super) fn fatal(&self, code: RDKafkaErrorCode) {
        let group = &self.options.group;
        self.client.reach.denied(&format!("the membership of group `{group}` is over: {code}"));
    }

    /// Leaves a partition alone.
    fn halt(&self, consumer: &BaseConsumer<Self>, (topic, partition): &Name, why: &str) {
        if let Some(held) = self.held().get_mut(topic).and_then(|of| of.get_mut(partition)) {
            held.flow = Flow::Halted;
            held.queue.close();
        }
        self.handover.take_back(|own, number| own == topic && number == *partition);
        self.client.reach.halted(topic, *partition, why);
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, *partition);
        self.noted("pause", consumer.pause(&list));
    }
}

fn names(list: &TopicPartitionList) -> Vec<Name> {
    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}

impl ClientContext for Group {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, list),
            _ => self.revoke(consumer, list),
        }
    }
}
