//! Topics are worked on: each partition that this process is given, until it is given up.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::admitting::Admitting;
use super::before::Before;
use super::current::Listeners;
use super::holding::Holding;
use super::{Inner, swap};
use crate::bus::{Batch, BusError, Consumer, Partition, Truth, Work};
use crate::store::{Home, StoreError};

/// Records of a batch.
pub(super) const BATCH: u32 = 512;
/// Bytes of a batch.
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// Runs of a topic that are in memory at once, waiting or under way. Each topic has its own, so that
/// one whose runs wait for a service that is out stops no other.
const ROOM: u32 = 5_000;

impl Inner {
    /// Turns the records of all topics into runs until the runner stops.
    pub(super) async fn consume(self: Arc<Self>) {
        let consumer = match self.begin_to_work().await {
            Ok(consumer) => consumer,
            Err(error) => return self.fatal(&error.to_string()),
        };
        self.tasks.spawn(self.clone().forget());
        self.work_with(consumer).await;
    }

    /// Takes part in the work on all topics.
    async fn begin_to_work(&self) -> Result<Box<dyn Consumer>, BusError> {
        let mut working = self.working.lock().await;
        let topics = self.topics_to_work_on().await?;
        let work: Vec<_> =
            topics.into_iter().map(|topic| Work { truth: self.truth_of(&topic), topic }).collect();
        *working = Some(work.iter().map(|work| (work.topic.clone(), work.truth)).collect());
        self.bus.consume(work).await
    }

    /// Works on all that `consumer` is given.
    pub(super) async fn work_with(self: Arc<Self>, mut consumer: Box<dyn Consumer>) {
        let working = TaskTracker::new();
        let mut rooms: HashMap<String, Arc<Semaphore>> = HashMap::new();
        loop {
            let assigned = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                assigned = consumer.assigned() => assigned,
            };
            match assigned {
                Ok(partition) => {
                    let room = || Arc::new(Semaphore::new(ROOM as usize));
                    let room = rooms.entry(partition.topic().to_owned()).or_insert_with(room).clone();
                    self.tasks.spawn(working.track_future(self.clone().work_on(partition, room)));
                }
                Err(error) => return self.fatal(&error.to_string()),
            }
        }
        // Partitions are kept until the runs have ended that are under way in them.
        working.close();
        self.kill.run_until_cancelled(working.wait()).await;
    }

    /// Those of all pathways, and, where runs follow their partition, those of runs that are left of
    /// pathways that are no more.
    pub(super) async fn topics_to_work_on(&self) -> Result<Vec<String>, StoreError> {
        let mut topics = self.current().topics();
        if self.store.is_shared() {
            topics.extend(self.store.unfinished_topics().await?);
            topics.sort();
            topics.dedup();
        }
        Ok(topics)
    }

    /// Turns the records of a partition into runs until it is given up.
    async fn work_on(self: Arc<Self>, mut partition: Box<dyn Partition>, room: Arc<Semaphore>) {
        let work = async {
            match self.truth_of(partition.topic()) {
                Truth::Store if self.store.is_shared() => self.hold(&mut *partition, &room).await,
                Truth::Store => self.admit_all(&mut *partition, &room, None, self.before).await,
                Truth::Bus => self.pass_all(&mut *partition).await,
            }
        };
        let worked = tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(()),
            worked = work => worked,
        };
        if let Err(error) = worked {
            return self.fatal(&error.to_string());
        }
        if self.stop.is_cancelled() {
            let home = Home::new(partition.topic(), partition.number());
            tokio::select! {
                biased;
                () = self.kill.cancelled() => {}
                () = partition.given_up() => {}
                () = self.see_off(&home) => {}
            }
            self.leave(&home).await;
        }
    }

    fn truth_of(&self, topic: &str) -> Truth {
        swap::truth(&self.current().plans_of(topic))
    }

    /// Turns the records of a partition into runs until it is given up.
    pub(super) async fn admit_all(
        self: &Arc<Self>,
        partition: &mut dyn Partition,
        room: &Arc<Semaphore>,
        holding: Option<&Arc<Holding>>,
        before: Before,
    ) -> Result<(), BusError> {
        let mut listeners = Listeners::new(self, partition.topic());
        let topic = partition.topic().to_owned();
        let mut admitting = Admitting { inner: self, topic: &topic, holding, before };
        while let Some((batch, plans)) = listeners.next_batch(partition).await? {
            // Runs in memory are bounded: what there is no room for is not admitted yet.
            let wanted = u32::try_from(batch.records.len() * plans.len()).unwrap_or(u32::MAX);
            let Ok(room) = room.clone().acquire_many_owned(wanted.min(ROOM)).await else { break };
            let next = batch.next_offset;
            admitting.admit(&plans, batch, room).await?;
            // What ended the process within its admission was among the first records.
            admitting.before = Before::Ended;
            partition.done(next);
        }
        Ok(())
    }
}

impl Listeners {
    /// The next records, with those whom they are for; none when the partition is to be given up.
    /// Where nobody listens any more nothing is read; what was read by then is for who listened.
    async fn next_batch(
        &mut self,
        partition: &mut dyn Partition,
    ) -> Result<Option<(Batch, Vec<Arc<Plan>>)>, BusError> {
        loop {
            let plans = self.now();
            if plans.is_empty() {
                tokio::select! {
                    biased;
                    () = partition.given_up() => return Ok(None),
                    () = self.changed() => continue,
                }
            }
            let Some(batch) = partition.next_batch(BATCH, BATCH_BYTES).await? else { return Ok(None) };
            let now = self.now();
            return Ok(Some((batch, if now.is_empty() { plans } else { now })));
        }
    }
}
