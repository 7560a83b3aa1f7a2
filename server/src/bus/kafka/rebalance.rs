//! Partitions that are given to us and taken away, in the callback of the client.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::topic_partition_list::Offset as Place;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::Notify;

use super::check::tell_gap;
use super::flow::Flow;
use super::group::{Group, Held};
use super::lookup::Name;
use super::partition::Assigned;
use super::position::Decision;
use super::queue::Queue;

/// How long to wait for work of an earlier assignment of the same partition.
const LINGERING: Duration = Duration::from_secs(30);

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, list),
            _ => self.revoke(consumer, list),
        }
    }
}

impl Group {
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
        // The client keeps a partition paused that was so when it was taken away.
        if list.count() > 0 {
            self.noted("resume", consumer.resume(list));
        }
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
            tell_gap(&(topic.to_owned(), partition), from, at);
        }
        let queue = Arc::new(Queue::new(partition, from, self.budget.clone(), Arc::new(Notify::new())));
        if flow == Flow::Reading {
            self.handover.offer(Assigned::new(topic, partition, queue.clone()));
        }
        let held = Held {
            queue,
            fresh: Vec::new(),
            expected: at,
            heard: Instant::now(),
            committed: None,
            unsure: None,
            flow,
        };
        self.held().entry(topic.to_owned()).or_default().insert(partition, held);
        flow
    }

    /// Waits for work on the same partitions that an earlier assignment began: what it does to the
    /// store has to be seen.
    fn wait_for_lingering(&self, names: &[Name]) {
        let deadline = Instant::now() + LINGERING;
        let lingering = std::mem::take(&mut *self.lingering.lock().unwrap_or_else(PoisonError::into_inner));
        let (ours, others): (Vec<_>, Vec<_>) =
            lingering.into_iter().partition(|(name, _)| names.contains(name));
        for ((topic, partition), queue) in &ours {
            if !queue.settle(deadline) {
                tracing::warn!(topic, partition, "work from an earlier assignment is still under way");
            }
        }
        *self.lingering.lock().unwrap_or_else(PoisonError::into_inner) = others;
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
            self.client.reach.joining(&self.options.group);
        } else {
            let deadline = Instant::now() + self.options.revoke;
            self.give_back(consumer, &revoked, deadline);
        }
        let mut lingering = self.lingering.lock().unwrap_or_else(PoisonError::into_inner);
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
            if held.flow != Flow::Halted && (held.committed < Some(done) || held.unsure.is_some()) {
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
}

fn names(list: &TopicPartitionList) -> Vec<Name> {
    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}
