//! Reading all of a topic, for oneself alone: a thread with a client of its own, outside of any
//! group. Few are open at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset as Place;
use tokio::sync::{Notify, oneshot};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::super::{Answer, Batch, BusError, Offset, Positions, Record, Start, Subscription};
use super::context::Context;
use super::error::is_out_of_range;
use super::flow::{Flow, Turns};
use super::lookup::{self, Name};
use super::options::Options;
use super::queue::{Budget, Queue, Taken};
use super::record::record;

/// How long a poll waits. The client spins through the last millisecond of a wait, so there should
/// be few.
const POLL: Duration = Duration::from_millis(500);
/// The same while a partition waits to be resumed.
const POLL_SOON: Duration = Duration::from_millis(50);
/// Records read before they are passed on.
const DRAINED: usize = 2000;
/// Between two looks for new partitions.
const LOOK: Duration = Duration::from_secs(10);
/// The same of a topic that is not there yet.
const LOOK_SOON: Duration = Duration::from_secs(1);
/// Between two attempts at what did not work.
const PAUSE: Duration = Duration::from_millis(500);

impl ConsumerContext for Context {}

/// A reader of a topic.
#[derive(Debug)]
pub(super) struct Tail {
    shared: Arc<Shared>,
    /// The partition that was read last: all have their turn.
    last: i32,
}

#[derive(Debug, Default)]
struct Shared {
    queues: Mutex<BTreeMap<i32, Arc<Queue>>>,
    ready: Arc<Notify>,
    stop: AtomicBool,
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, BTreeMap<i32, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Begins to read; ready when it is settled where.
    pub(super) async fn start(
        options: &Options,
        client: Context,
        topic: String,
        start: Start,
        token: TaskTrackerToken,
    ) -> Result<Self, BusError> {
        let consumer = BaseConsumer::from_config_and_context(&options.reader(), client)
            .map_err(|error| BusError::Away(format!("a Kafka client cannot be made: {error}")))?;
        let tail = Self { shared: Arc::default(), last: -1 };
        let (settled, ready) = oneshot::channel();
        let shared = tail.shared.clone();
        let thread = Thread {
            consumer,
            topic,
            shared,
            budget: Arc::default(),
            places: BTreeMap::new(),
            is_out_of_range: false,
        };
        std::thread::Builder::new()
            .name("kafka-tail".to_owned())
            .spawn(move || {
                thread.run(&start, settled);
                drop(token);
            })
            .map_err(|error| BusError::Away(format!("a thread cannot be made: {error}")))?;
        match ready.await {
            Ok(()) => Ok(tail),
            Err(_) => Err(super::error::closed()),
        }
    }

    fn take(&mut self, max: u32, max_bytes: usize) -> Option<Batch> {
        let queues = self.shared.queues();
        let after = queues.range(self.last.saturating_add(1)..);
        for (partition, queue) in after.chain(queues.range(..=self.last)) {
            if let Taken::Batch(batch) = queue.take(max, max_bytes) {
                self.last = *partition;
                return Some(batch);
            }
        }
        None
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Subscription for Tail {
    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Batch> {
        Box::pin(async move {
            loop {
                if let Some(batch) = self.take(max, max_bytes) {
                    return Ok(batch);
                }
                self.shared.ready.notified().await;
            }
        })
    }

    fn positions(&self) -> Positions {
        self.shared.queues().iter().map(|(partition, queue)| (*partition, queue.position())).collect()
    }
}

struct Thread {
    consumer: BaseConsumer<Context>,
    topic: String,
    shared: Arc<Shared>,
    budget: Arc<Budget>,
    places: BTreeMap<i32, Reading>,
    /// Whether the client met a place that is not there.
    is_out_of_range: bool,
}

/// Where a partition is read.
struct Reading {
    queue: Arc<Queue>,
    fresh: Vec<Record>,
    expected: Offset,
    flow: Flow,
}

impl Thread {
    fn run(mut self, start: &Start, settled: oneshot::Sender<()>) {
        if !self.begin(start, &settled) || settled.send(()).is_err() {
            return;
        }
        let mut looked = Instant::now();
        while !self.is_stopped() {
            self.read();
            self.pass_on();
            let pause = if self.places.is_empty() { LOOK_SOON } else { LOOK };
            if looked.elapsed() >= pause {
                looked = Instant::now();
                self.retry("look for new partitions", |thread| thread.look());
            }
            if self.is_out_of_range {
                self.is_out_of_range = false;
                self.is_out_of_range = !self.retry("find what is still kept", |thread| thread.check());
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    fn retry(&mut self, what: &str, act: impl FnOnce(&mut Self) -> KafkaResult<()>) -> bool {
        match act(self) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(topic = self.topic, %error, "could not {what}");
                false
            }
        }
    }

    /// Settles where to begin, however long it takes; false when nobody waits for it any more.
    fn begin(&mut self, start: &Start, settled: &oneshot::Sender<()>) -> bool {
        while !settled.is_closed() {
            match self.places(start) {
                Ok(places) => match self.add(&places) {
                    Ok(()) => return true,
                    Err(error) => tracing::error!(topic = self.topic, %error, "partitions cannot be read"),
                },
                Err(error) => tracing::debug!(topic = self.topic, %error, "it is not known where to begin"),
            }
            // Errors come through polls too.
            while self.consumer.poll(Duration::ZERO).is_some() {}
            std::thread::sleep(PAUSE);
        }
        false
    }

    fn places(&self, start: &Start) -> KafkaResult<BTreeMap<i32, Offset>> {
        let names: Vec<Name> = lookup::partitions(&self.consumer, &self.topic, lookup::PATIENCE)?
            .into_iter()
            .map(|partition| (self.topic.clone(), partition))
            .collect();
        let at = match start {
            Start::Oldest => Place::Beginning,
            Start::End => Place::End,
            Start::Since(time) => Place::Offset((*time).max(0)),
            Start::At(positions) => return self.places_at(&names, positions),
        };
        Ok(lookup::offsets(&self.consumer, &names, at)?.into_iter().map(|((_, n), at)| (n, at)).collect())
    }

    /// What is kept no longer is left out; what is not there yet cannot be waited for.
    fn places_at(&self, names: &[Name], positions: &Positions) -> KafkaResult<BTreeMap<i32, Offset>> {
        let oldest = lookup::offsets(&self.consumer, names, Place::Beginning)?;
        let ends = lookup::offsets(&self.consumer, names, Place::End)?;
        let place = |name: &Name| {
            let (oldest, end) = (*oldest.get(name)?, *ends.get(name)?);
            Some((name.1, positions.get(&name.1).map_or(oldest, |at| (*at).clamp(oldest, end))))
        };
        Ok(names.iter().filter_map(place).collect())
    }

    fn add(&mut self, places: &BTreeMap<i32, Offset>) -> KafkaResult<()> {
        if places.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (partition, at) in places {
            list.add_partition_offset(&self.topic, *partition, Place::Offset(*at))?;
        }
        self.consumer.incremental_assign(&list)?;
        for (partition, at) in places {
            let queue = Queue::new(*partition, *at, self.budget.clone(), self.shared.ready.clone());
            let queue = Arc::new(queue);
            self.shared.queues().insert(*partition, queue.clone());
            let place = Reading { queue, fresh: Vec::new(), expected: *at, flow: Flow::Reading };
            self.places.insert(*partition, place);
        }
        Ok(())
    }

    /// Adds new partitions, from their beginning.
    fn look(&mut self) -> KafkaResult<()> {
        let mut names = Vec::new();
        for partition in lookup::partitions(&self.consumer, &self.topic, LOOK_SOON)? {
            if !self.places.contains_key(&partition) {
                names.push((self.topic.clone(), partition));
            }
        }
        let places = lookup::offsets(&self.consumer, &names, Place::Beginning)?;
        self.add(&places.into_iter().map(|((_, partition), at)| (partition, at)).collect())
    }

    /// The client met a place that is not there: whoever reads for oneself goes on with what is.
    fn check(&mut self) -> KafkaResult<()> {
        let names: Vec<Name> = self.places.keys().map(|number| (self.topic.clone(), *number)).collect();
        let oldest = lookup::offsets(&self.consumer, &names, Place::Beginning)?;
        let ends = lookup::offsets(&self.consumer, &names, Place::End)?;
        for name in &names {
            let Some(place) = self.places.get_mut(&name.1) else { continue };
            let (Some(oldest), Some(end)) = (oldest.get(name), ends.get(name)) else { continue };
            // A topic made anew is read from its beginning.
            let at = if place.expected > *end { *oldest } else { place.expected.max(*oldest) };
            if at != place.expected {
                tracing::warn!(
                    topic = name.0,
                    partition = name.1,
                    from = place.expected,
                    at,
                    "going on elsewhere"
                );
            }
            self.consumer.seek(&name.0, name.1, Place::Offset(at), lookup::PATIENCE)?;
            place.expected = at;
        }
        Ok(())
    }

    /// Waits for a record, then takes what else is there.
    fn read(&mut self) {
        let is_paused = self.places.values().any(|place| place.flow != Flow::Reading);
        let mut next = self.consumer.poll(if is_paused { POLL_SOON } else { POLL });
        let mut count = 0;
        while let Some(result) = next {
            match result {
                Ok(message) => {
                    if let Some(place) = self.places.get_mut(&message.partition())
                        && message.offset() >= place.expected
                    {
                        place.expected = message.offset() + 1;
                        place.fresh.push(record(&message));
                    }
                }
                Err(error) => self.is_out_of_range |= is_out_of_range(&error),
            }
            count += 1;
            if count == DRAINED {
                return;
            }
            next = self.consumer.poll(Duration::ZERO);
        }
    }

    /// Passes on what was read, pauses what is full and resumes what is not.
    fn pass_on(&mut self) {
        let mut turns = Turns::default();
        for (partition, place) in &mut self.places {
            if !place.fresh.is_empty() {
                place.queue.push(place.fresh.drain(..));
            }
            turns.look(&mut place.flow, &place.queue, (&self.topic, *partition), place.expected);
        }
        turns.take(&self.consumer);
    }
}
