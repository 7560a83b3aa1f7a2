//! Topics to work on that are not there. A member that subscribes to one does not make it, whatever
//! it says; one that asks for it by name does, where the broker lets clients make topics.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

/// Between two looks.
const AGAIN: Duration = Duration::from_secs(5);
/// For the answer to one question.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks for topics until all of them are there.
#[derive(Debug)]
pub(super) struct Missing {
    topics: BTreeSet<String>,
    looked: Option<Instant>,
    is_told: bool,
}

impl Missing {
    /// Nothing is known of these yet.
    pub(super) fn new<'a>(topics: impl IntoIterator<Item = &'a str>) -> Self {
        let topics = topics.into_iter().map(str::to_owned).collect();
        Self { topics, looked: None, is_told: false }
    }

    /// Asks for those that have not been seen, if it is time; says once which have to be made.
    pub(super) fn look<C: ClientContext + ConsumerContext>(&mut self, consumer: &BaseConsumer<C>) {
        if self.topics.is_empty() || self.looked.is_some_and(|at| at.elapsed() < AGAIN) {
            return;
        }
        let is_first = self.looked.is_none();
        self.looked = Some(Instant::now());
        let mut is_answered = true;
        self.topics.retain(|topic| {
            // A broker that does not answer is not asked about the others, too.
            let is_there = if is_answered { is_there(consumer, topic) } else { None };
            is_answered = is_there.is_some();
            is_there != Some(true)
        });
        // One that is being made is there the next time.
        if is_answered && !is_first && !self.is_told && !self.topics.is_empty() {
            self.is_told = true;
            let topics = self.topics.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            tracing::warn!(
                topics,
                "topics to work on are not in Kafka: make them with `pathway topics create`"
            );
        }
    }
}

/// Whether a topic is there; none where nobody answers.
fn is_there<C: ClientContext + ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str) -> Option<bool> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
    Some(metadata.topics().iter().any(|found| found.error().is_none() && !found.partitions().is_empty()))
}
