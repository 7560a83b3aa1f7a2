//! Questions to the brokers about partitions, all of them in one request per broker.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset as Place;

use super::super::Offset;

/// How long one question may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A partition.
pub(super) type Name = (String, i32);

/// The offsets of `partitions` at `place`: the beginning, the end, or the first record made at a
/// time or later (the end where there is none).
pub(super) fn offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Name],
    place: Place,
) -> KafkaResult<BTreeMap<Name, Offset>> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        // The beginning and the end are special times of this request.
        list.add_partition_offset(topic, *partition, place)?;
    }
    let answer = consumer.offsets_for_times(list, PATIENCE)?;
    let mut offsets = BTreeMap::new();
    for element in answer.elements() {
        element.error()?;
        let offset = match element.offset() {
            Place::Offset(offset) => Some(offset),
            Place::End if place != Place::End => None,
            _ => return Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset)),
        };
        offsets.insert((element.topic().to_owned(), element.partition()), offset);
    }
    let open: Vec<Name> =
        offsets.iter().filter(|(_, at)| at.is_none()).map(|(name, _)| name.clone()).collect();
    let mut ends =
        if open.is_empty() { BTreeMap::new() } else { self::offsets(consumer, &open, Place::End)? };
    offsets
        .into_iter()
        .map(|(name, offset)| {
            let offset = offset.or_else(|| ends.remove(&name));
            offset.map(|offset| (name, offset)).ok_or(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))
        })
        .collect()
}

/// What the group has committed for `partitions`, with its metadata.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Name],
    patience: Duration,
) -> KafkaResult<BTreeMap<Name, (Offset, String)>> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    let answer = consumer.committed_offsets(list, patience)?;
    let mut committed = BTreeMap::new();
    for element in answer.elements() {
        element.error()?;
        if let Place::Offset(offset) = element.offset() {
            // The client panics at metadata that is not UTF-8; ours is, so this is somebody else's.
            let metadata = catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned()));
            let name = (element.topic().to_owned(), element.partition());
            committed.insert(name, (offset, metadata.unwrap_or_default()));
        }
    }
    Ok(committed)
}

/// The partitions that a topic has; none where it is not there.
pub(super) fn partitions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    patience: Duration,
) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), patience)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let Some(found) = found else { return Ok(Vec::new()) };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(found.partitions().iter().map(|partition| partition.id()).collect()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(Vec::new()),
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}
