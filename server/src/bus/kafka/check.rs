//! Partitions in which reading cannot go on where it was: what was not read yet was deleted, or the
//! topic was made anew or cut.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset as Place;

use super::super::{Offset, Truth};
use super::flow::Flow;
use super::group::Group;
use super::lookup::{self, Name};
use super::position::{Decision, Known, decide, records};

impl Group {
    /// Looks at partitions of which nothing has come for as long as `idle`: at all of them when the
    /// client has met a place that is not there, since it does not say where.
    pub(super) fn check(&self, consumer: &BaseConsumer<Self>, idle: Duration) -> KafkaResult<()> {
        let mut places: BTreeMap<Name, Offset> = BTreeMap::new();
        for (topic, partitions) in self.held().iter() {
            for (partition, held) in partitions {
                let is_due = match held.flow {
                    Flow::Reading => held.heard.elapsed() >= idle,
                    Flow::Paused(_) => idle.is_zero(),
                    Flow::Halted => false,
                };
                if is_due {
                    places.insert((topic.clone(), *partition), held.expected);
                }
            }
        }
        let names: Vec<Name> = places.keys().cloned().collect();
        let oldest = lookup::offsets(consumer, &names, Place::Beginning)?;
        let ends = lookup::offsets(consumer, &names, Place::End)?;
        for (name, expected) in places {
            let (Some(oldest), Some(end)) = (oldest.get(&name), ends.get(&name)) else { continue };
            if (*oldest..=*end).contains(&expected) {
                // It may have been a replica that was behind, or the client waits for nothing.
                if expected < *end || idle.is_zero() {
                    tracing::debug!(topic = name.0, partition = name.1, expected, "reading anew");
                    self.seek(consumer, &name, expected)?;
                }
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
                Decision::Begin { at, .. } => {
                    tell_gap(&name, expected, at);
                    self.seek(consumer, &name, at)?;
                }
                Decision::Halt(why) => self.halt(consumer, &name, &why),
            }
        }
        Ok(())
    }

    fn seek(&self, consumer: &BaseConsumer<Self>, (topic, partition): &Name, at: Offset) -> KafkaResult<()> {
        consumer.seek(topic, *partition, Place::Offset(at), lookup::PATIENCE)?;
        if let Some(held) = self.held().get_mut(topic).and_then(|of| of.get_mut(partition)) {
            held.expected = at;
            held.heard = Instant::now();
        }
        Ok(())
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

/// Says what is lost.
pub(super) fn tell_gap((topic, partition): &Name, from: Offset, at: Offset) {
    let lost = records(at - from);
    tracing::error!(
        topic,
        partition,
        from,
        at,
        "{lost} were deleted before they were read; going on without them"
    );
}
