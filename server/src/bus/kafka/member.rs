//! The member of the group: one thread that owns the client and always polls, so that the group
//! never believes it gone. It runs no user's work and decodes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::super::{Answer, Consumer, Partition};
use super::context::Context;
use super::error::is_out_of_range;
use super::group::Group;
use super::missing::Missing;
use super::partition::Handover;
use super::record::record;

/// How long a poll waits: so long a paused partition may wait to be resumed.
const POLL: Duration = Duration::from_millis(50);
/// Records read before they are passed on.
const DRAINED: usize = 2000;
/// Between two commits.
const COMMIT: Duration = Duration::from_secs(1);
/// Between two looks at partitions of which nothing comes.
const CHECK: Duration = Duration::from_secs(60);
/// Before the group is joined anew.
const REJOIN: Duration = Duration::from_secs(1);

/// A member of the group, until it is dropped.
#[derive(Debug)]
pub(super) struct Member {
    handover: Arc<Handover>,
    stop: Arc<AtomicBool>,
}

impl Member {
    /// Begins to take part.
    pub(super) fn start(
        consumer: BaseConsumer<Group>,
        client: Context,
        token: TaskTrackerToken,
    ) -> std::io::Result<Self> {
        let group = consumer.context().clone();
        let member = Self { handover: group.handover.clone(), stop: group.stop.clone() };
        std::thread::Builder::new().name("kafka-member".to_owned()).spawn(move || {
            let thread = Thread { consumer, group, client, is_out_of_range: false };
            thread.run();
            drop(token);
        })?;
        Ok(member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Consumer for Member {
    fn assigned(&mut self) -> Answer<'_, Box<dyn Partition>> {
        Box::pin(async move { Ok(Box::new(self.handover.next().await?) as Box<dyn Partition>) })
    }
}

struct Thread {
    consumer: BaseConsumer<Group>,
    group: Arc<Group>,
    client: Context,
    /// Whether the client met a place that is not there.
    is_out_of_range: bool,
}

impl Thread {
    fn run(mut self) {
        self.subscribe();
        let (mut committed, mut checked) = (Instant::now(), Instant::now());
        let mut missing = Missing::new(self.group.topics());
        while !self.group.stop.load(Ordering::Relaxed) {
            self.read();
            if !self.consumer.assignment_lost() {
                self.group.handover.polled();
            }
            if !self.client.reach.is_away() {
                missing.look(&self.consumer);
            }
            self.group.pass_on(&self.consumer);
            if committed.elapsed() >= COMMIT {
                committed = Instant::now();
                self.group.commit(&self.consumer);
            }
            if self.is_out_of_range {
                self.is_out_of_range = !self.check(Duration::ZERO);
            } else if checked.elapsed() >= CHECK && !self.client.reach.is_away() {
                checked = Instant::now();
                self.check(CHECK);
            }
            if self.group.is_unsettled.swap(false, Ordering::Relaxed) {
                self.rejoin();
            }
        }
        // The client's drop gives back the partitions, through the callback, and leaves the group.
        drop(self.consumer);
        self.client.reach.left();
    }

    fn check(&self, idle: Duration) -> bool {
        let checked = self.group.check(&self.consumer, idle);
        if let Err(error) = &checked {
            tracing::debug!(%error, "it is not known yet what partitions still have");
        }
        checked.is_ok()
    }

    fn subscribe(&self) {
        if let Err(error) = self.consumer.subscribe(&self.group.topics()) {
            self.client.reach.denied(&format!("the group cannot be joined: {error}"));
        }
    }

    /// Waits for a record, then takes what else is there.
    fn read(&mut self) {
        let mut next = self.consumer.poll(POLL);
        let mut count = 0;
        while let Some(result) = next {
            let is_out_of_range = take(&self.group, result);
            self.is_out_of_range |= is_out_of_range;
            count += 1;
            if count == DRAINED {
                return;
            }
            next = self.consumer.poll(Duration::ZERO);
        }
    }

    /// Leaves the group and joins it again.
    fn rejoin(&self) {
        self.consumer.unsubscribe();
        let until = Instant::now() + REJOIN;
        while Instant::now() < until {
            if let Some(result) = self.consumer.poll(POLL) {
                take(&self.group, result);
            }
        }
        self.subscribe();
    }
}

/// Takes a record; whether it was the error that a place is not there.
fn take(group: &Group, result: KafkaResult<BorrowedMessage<'_>>) -> bool {
    match result {
        Ok(message) => {
            group.take(message.topic(), message.partition(), record(&message));
            false
        }
        Err(KafkaError::MessageConsumptionFatal(code)) => {
            group.fatal(code);
            false
        }
        Err(error) => is_out_of_range(&error),
    }
}
