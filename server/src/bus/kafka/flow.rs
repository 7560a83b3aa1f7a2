//! When to pause reading a partition, and when to go on: above a bound, and well below it.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset as Place;

use super::super::Offset;
use super::lookup::Name;
use super::queue::Queue;

/// How long a partition stays paused at least, unless nothing of it is left: what the client has
/// read ahead is thrown away by a pause.
const SHORTEST: Duration = Duration::from_millis(100);

/// Whether a partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It is.
    Reading,
    /// Since then too much waits to be worked on.
    Paused(Instant),
    /// It is left alone.
    Halted,
}

/// Partitions to pause and to resume.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pause: TopicPartitionList,
    /// With the offset that should come next.
    resume: Vec<(Name, Offset)>,
}

impl Turns {
    /// Looks at what waits in a partition, whose next record is at `expected`.
    pub(super) fn look(
        &mut self,
        flow: &mut Flow,
        queue: &Queue,
        (topic, partition): (&str, i32),
        expected: Offset,
    ) {
        match *flow {
            Flow::Reading if queue.is_full() => {
                self.pause.add_partition(topic, partition);
                *flow = Flow::Paused(Instant::now());
            }
            Flow::Paused(since) if queue.is_empty() || (since.elapsed() >= SHORTEST && queue.is_low()) => {
                self.resume.push(((topic.to_owned(), partition), expected));
                *flow = Flow::Reading;
            }
            _ => {}
        }
    }

    /// Pauses and resumes.
    pub(super) fn take<C: ConsumerContext>(self, consumer: &BaseConsumer<C>) {
        let paused = if self.pause.count() > 0 { consumer.pause(&self.pause) } else { Ok(()) };
        let resumed = if self.resume.is_empty() { Ok(()) } else { resume(consumer, &self.resume) };
        if let Err(error) = paused.and(resumed) {
            tracing::warn!(%error, "the Kafka client did not pause or resume partitions");
        }
    }
}

/// Goes on with partitions. The thread of the client that fetches from a broker sleeps for up to a
/// second when all that it has is paused, and only being sent somewhere wakes it up.
fn resume<C: ConsumerContext>(consumer: &BaseConsumer<C>, partitions: &[(Name, Offset)]) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), _) in partitions {
        list.add_partition(topic, *partition);
    }
    consumer.resume(&list)?;
    for ((topic, partition), expected) in partitions {
        consumer.seek(topic, *partition, Place::Offset(*expected), Duration::ZERO)?;
    }
    Ok(())
}
