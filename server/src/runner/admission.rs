//! Records → runs: one transaction per batch inserts the runs of every pathway of the topic and
//! moves the source on. Admission never fails on what a record says: what cannot be read becomes
//! a run that is parked at once.

use std::collections::HashSet;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use tokio::sync::OwnedSemaphorePermit;

use super::arrival::Arrived;
use super::at_once::AtOnce;
use super::ending::Ending;
use super::lanes::Lane;
use super::{Admitted, Inner, intake};
use crate::bus::{Batch, BusError, Partition, Truth, Work};
use crate::store::{Admission, Admit, NewRun, Status, StoreError};

/// Records of a batch.
const BATCH: u32 = 512;
/// Bytes of a batch.
const BATCH_BYTES: usize = 4 << 20;

/// A run as it goes into the store, and what follows if it is new.
type Prepared = (NewRun, Admitted, Option<AtOnce>);

impl Inner {
    /// Turns the records of all topics into runs until the runner stops.
    pub(super) async fn consume(self: Arc<Self>) {
        let work = self.topics().into_iter().map(|topic| Work { topic, truth: Truth::Store }).collect();
        let mut consumer = match self.bus.consume(work).await {
            Ok(consumer) => consumer,
            Err(error) => return self.fatal(&error.to_string()),
        };
        loop {
            let assigned = tokio::select! {
                () = self.stop.cancelled() => return,
                assigned = consumer.assigned() => assigned,
            };
            match assigned {
                Ok(partition) => drop(self.tasks.spawn(self.clone().work_on(partition))),
                Err(error) => return self.fatal(&error.to_string()),
            }
        }
    }

    /// Turns the records of a partition into runs until it is given up.
    async fn work_on(self: Arc<Self>, mut partition: Box<dyn Partition>) {
        let logical = self.project.topics.logical(partition.topic()).to_owned();
        let plans = self.plans_of(&logical);
        let worked = tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            worked = self.admit_all(&mut *partition, &plans) => worked,
        };
        if let Err(error) = worked {
            self.fatal(&error.to_string());
        }
    }

    async fn admit_all(
        self: &Arc<Self>,
        partition: &mut dyn Partition,
        plans: &[Arc<Plan>],
    ) -> Result<(), BusError> {
        while let Some(batch) = partition.next_batch(BATCH, BATCH_BYTES).await? {
            // Runs in memory are bounded: what there is no room for is not admitted yet.
            let wanted = u32::try_from(batch.records.len() * plans.len()).unwrap_or(u32::MAX);
            let Ok(room) = self.room.clone().acquire_many_owned(wanted.min(super::ROOM)).await else { break };
            let next = batch.next_offset;
            let topic = partition.topic().to_owned();
            self.admit(plans, &topic, batch, room).await?;
            partition.done(next);
        }
        Ok(())
    }

    async fn admit(
        self: &Arc<Self>,
        plans: &[Arc<Plan>],
        topic: &str,
        batch: Batch,
        mut room: OwnedSemaphorePermit,
    ) -> Result<(), StoreError> {
        let prepared = self.prepare(plans, topic, &batch).await;
        let (runs, entering): (Vec<_>, Vec<_>) =
            prepared.into_iter().map(|(new, run, at_once)| (new, (run, at_once))).unzip();
        let admit = Admit {
            topic: topic.to_owned(),
            partition: batch.partition,
            from_offset: batch.from_offset,
            next_offset: batch.next_offset,
            runs,
        };
        for ((mut run, at_once), answer) in entering.into_iter().zip(self.store.admit(admit).await?) {
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

    /// Makes the runs of a batch, and runs those that end at once.
    async fn prepare(&self, plans: &[Arc<Plan>], topic: &str, batch: &Batch) -> Vec<Prepared> {
        let mut arrived = Vec::with_capacity(batch.records.len() * plans.len());
        for record in &batch.records {
            let input = intake::input(record);
            for plan in plans {
                arrived.push(Arrived::new(plan, (topic, batch.partition), record, input.clone()));
            }
        }
        self.verify(&mut arrived).await;
        // Lanes in which a run of this batch has to wait, and so all behind it.
        let mut taken: HashSet<Lane> = HashSet::new();
        arrived.iter().map(|arrived| self.prepare_one(arrived, &mut taken)).collect()
    }

    fn prepare_one(&self, arrived: &Arrived<'_>, taken: &mut HashSet<Lane>) -> Prepared {
        let (mut new, run) = self.run_of(arrived);
        let is_free = run.lane.as_ref().is_none_or(|lane| !taken.contains(lane) && self.lanes.is_free(lane));
        let mut at_once = is_free.then(|| self.at_once(arrived, &run)).flatten();
        let holds = match &at_once {
            Some(ended) => ended.status == Status::Parked && run.plan.door.park_holds,
            None => true,
        };
        if let (true, Some(lane)) = (holds, &run.lane) {
            taken.insert(lane.clone());
        }
        if let Some(ended) = &mut at_once {
            new.status = ended.status;
            new.outcome = Ending { run: &run, outcome: &ended.outcome }.stored();
            new.records = std::mem::take(&mut ended.records);
            new.stream = std::mem::take(&mut ended.stream);
        }
        (new, run, at_once)
    }

    /// A run is in the store: it begins, unless it is over.
    pub(super) fn admitted(self: &Arc<Self>, run: Admitted, at_once: Option<AtOnce>) {
        let Some(ended) = at_once else { return self.enter(run) };
        Ending { run: &run, outcome: &ended.outcome }.log(ended.status);
        if let (Status::Parked, true, Some(lane)) = (ended.status, run.plan.door.park_holds, run.lane) {
            self.lanes.hold(lane);
        }
    }
}
