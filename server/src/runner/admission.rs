//! Records → runs: one transaction per batch inserts the runs of every pathway of the topic and
//! moves the source on. Admission never fails on what a record says: what cannot be read becomes
//! a run that is parked at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pathway_engine::compile::Plan;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::arrival::Arrived;
use super::at_once::AtOnce;
use super::before::Before;
use super::current::Listeners;
use super::holding::Holding;
use super::lanes::Lane;
use super::{Admitted, Inner, Observed, intake, swap};
use crate::bus::{Batch, BusError, Consumer, Partition, Truth, Work};
use crate::store::{Admission, Admit, Conflict, Home, NewRun, Status, StoreError};

/// Records of a batch.
pub(super) const BATCH: u32 = 512;
/// Bytes of a batch.
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// Runs of a topic that are in memory at once, waiting or under way. Each topic has its own, so that
/// one whose runs wait for a service that is out stops no other.
const ROOM: u32 = 5_000;

/// Records that are read before the runs of the first of them are made: few, so that what was read is
/// still in the caches of the processor.
const READ: usize = 16;

/// A run that is about to be.
pub(super) struct Prepared {
    /// What the store is to keep of it; none if it has no journal.
    row: Option<NewRun>,
    /// Without its events if it is over already.
    pub(super) run: Admitted,
    /// What came of it, if it is over already.
    pub(super) at_once: Option<AtOnce>,
}

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
    async fn topics_to_work_on(&self) -> Result<Vec<String>, StoreError> {
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

    pub(super) async fn admit_all(
        self: &Arc<Self>,
        partition: &mut dyn Partition,
        room: &Arc<Semaphore>,
        holding: Option<&Arc<Holding>>,
        mut before: Before,
    ) -> Result<(), BusError> {
        let mut listeners = Listeners::new(self, partition.topic());
        while let Some((batch, plans)) = listeners.next_batch(partition).await? {
            // Runs in memory are bounded: what there is no room for is not admitted yet.
            let wanted = u32::try_from(batch.records.len() * plans.len()).unwrap_or(u32::MAX);
            let Ok(room) = room.clone().acquire_many_owned(wanted.min(ROOM)).await else { break };
            let next = batch.next_offset;
            let topic = partition.topic().to_owned();
            self.admit((&plans, &topic), batch, room, holding, before).await?;
            // What ended the process within its admission was among the first records.
            before = Before::Ended;
            partition.done(next);
        }
        Ok(())
    }

    async fn admit(
        self: &Arc<Self>,
        (plans, topic): (&[Arc<Plan>], &str),
        batch: Batch,
        mut room: OwnedSemaphorePermit,
        holding: Option<&Arc<Holding>>,
        before: Before,
    ) -> Result<(), StoreError> {
        let prepared = self.prepare(plans, topic, &batch, holding, before).await;
        let mut runs = Vec::with_capacity(prepared.len());
        let mut entering = Vec::with_capacity(prepared.len());
        for Prepared { row, run, at_once } in prepared {
            // On this topic all runs have a journal.
            let Some(row) = row else { continue };
            runs.push(row);
            entering.push((run, at_once));
        }
        let admit = Admit {
            topic: topic.to_owned(),
            partition: batch.partition,
            proof: holding.and_then(|holding| holding.proof()),
            from_offset: batch.from_offset,
            next_offset: batch.next_offset,
            runs,
        };
        let began = Instant::now();
        let answers = match self.store.admit(admit).await {
            // Whoever had the partition before has admitted more than the bus was told.
            Err(StoreError::Conflict(Conflict::Offset { found, .. }))
                if holding.is_some() && found > batch.from_offset =>
            {
                return match batch.after(found) {
                    Some(batch) => Box::pin(self.admit((plans, topic), batch, room, holding, before)).await,
                    None => Ok(()),
                };
            }
            answers => answers?,
        };
        self.metrics.admitted.observe(began.elapsed());
        for ((mut run, at_once), answer) in entering.into_iter().zip(answers) {
            match answer {
                Admission::Inserted(id) => {
                    run.id = id;
                    run.room = room.split(1);
                    self.admitted(run, at_once);
                }
                Admission::Duplicate { public_id, of, .. } => {
                    tracing::info!(pathway = %run.plan.name, run = public_id, ?of, "dropped: already known");
                }
            }
        }
        Ok(())
    }

    /// Makes the runs of a batch, and runs those that end at once. After a crash none is run before it is in
    /// the store, where it is counted how often it ends the process.
    pub(super) async fn prepare(
        &self,
        plans: &[Arc<Plan>],
        topic: &str,
        batch: &Batch,
        holding: Option<&Arc<Holding>>,
        before: Before,
    ) -> Vec<Prepared> {
        let current = self.current();
        // Tokens are verified side by side, all of a batch.
        let has_tokens = plans.iter().any(|plan| plan.door.token.is_some());
        let read = if has_tokens { batch.records.len().max(1) } else { READ };
        // Lanes in which a run of this batch has to wait, and so all behind it.
        let mut taken: HashSet<Lane> = HashSet::new();
        let mut prepared = Vec::with_capacity(batch.records.len() * plans.len());
        for records in batch.records.chunks(read) {
            let mut arrived = Vec::with_capacity(records.len() * plans.len());
            for record in records {
                let input = intake::input(record);
                for plan in plans {
                    let at = (topic, batch.partition);
                    let taken_by = |digest: Option<&str>| current.taken_by(plan, digest).clone();
                    arrived.push(Arrived::new(plan, taken_by, at, record, input.clone()));
                }
            }
            self.verify(&mut arrived).await;
            let prepare = |arrived| self.prepare_one(arrived, holding, before, &mut taken);
            prepared.extend(arrived.iter().map(prepare));
        }
        prepared
    }

    fn prepare_one(
        &self,
        arrived: &Arrived<'_>,
        holding: Option<&Arc<Holding>>,
        before: Before,
        taken: &mut HashSet<Lane>,
    ) -> Prepared {
        let (row, mut run) = self.run_of(arrived);
        if let Some(holding) = holding {
            run.belong_to(holding);
        }
        let is_free = run.lane.as_ref().is_none_or(|lane| !taken.contains(lane) && self.lanes.is_free(lane));
        let may_end = is_free && before == Before::Ended && self.slots.is_open(&run.plan.name);
        let mut at_once = may_end.then(|| self.at_once(arrived.record, &run)).flatten();
        let holds = match &at_once {
            Some(ended) => ended.status == Status::Parked && run.plan.door.park_holds,
            None => true,
        };
        if let (true, Some(lane)) = (holds, &run.lane) {
            taken.insert(lane.clone());
        }
        let row = run.plan.has_journal().then(|| self.row(row, &run, at_once.as_mut()));
        if at_once.is_some() {
            run.events = Vec::new();
        }
        Prepared { row, run, at_once }
    }

    /// A run is in the store: it begins, unless it is over.
    pub(super) fn admitted(self: &Arc<Self>, run: Admitted, at_once: Option<AtOnce>) {
        let Some(ended) = at_once else { return self.enter(run) };
        self.ended(&run, &ended.outcome, ended.status);
        self.observe(|| Observed::Ended {
            run: run.public_id.clone(),
            outcome: ended.outcome.clone(),
            parked: ended.status == Status::Parked,
        });
        if let (Status::Parked, true, Some(lane)) = (ended.status, run.plan.door.park_holds, run.lane) {
            self.lanes.hold(lane, run.id);
        }
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
