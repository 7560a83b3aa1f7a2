//! Records → runs: one transaction per batch inserts the runs of every pathway of the topic and
//! moves the source on. Admission never fails on what a record says: what cannot be read becomes
//! a run that is parked at once.

use std::collections::HashSet;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::Kind;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::arrival::Arrived;
use super::at_once::AtOnce;
use super::before::Before;
use super::holding::Holding;
use super::lanes::Lane;
use super::{Admitted, Inner, Observed, intake};
use crate::bus::Batch;
use crate::store::{Admission, Admit, Conflict, NewRun, Offset, Status, StoreError};

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

/// What turns the records of a partition into runs.
pub(super) struct Admitting<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) topic: &'a str,
    /// That its runs are ours, where others share the store.
    pub(super) holding: Option<&'a Arc<Holding>>,
    /// How whoever admitted before has ended.
    pub(super) before: Before,
}

impl Admitting<'_> {
    /// Makes runs of a batch, and lets them begin.
    pub(super) async fn admit(
        &self,
        plans: &[Arc<Plan>],
        batch: Batch,
        room: OwnedSemaphorePermit,
    ) -> Result<(), StoreError> {
        let inner = self.inner;
        let prepared = self.prepare(plans, &batch).await;
        let mut runs = Vec::with_capacity(prepared.len());
        let mut entering = Vec::with_capacity(prepared.len());
        for Prepared { row, run, at_once } in prepared {
            // On this topic all runs have a journal.
            let Some(row) = row else { continue };
            runs.push(row);
            entering.push((run, at_once));
        }
        let admit = Admit {
            topic: self.topic.to_owned(),
            partition: batch.partition,
            proof: self.holding.and_then(|holding| holding.proof()),
            from_offset: batch.from_offset,
            next_offset: batch.next_offset,
            received: Vec::new(),
            runs,
        };
        let commit = inner.clone().commit(admit, entering, room);
        match inner.to_its_end(self.holding, commit).await? {
            Committed::All => Ok(()),
            Committed::Before { found, room } => match batch.after(found) {
                Some(batch) => Box::pin(self.admit(plans, batch, room)).await,
                None => Ok(()),
            },
        }
    }

    /// Makes the runs of a batch, and runs those that end at once. After a crash none is run before it is in
    /// the store, where it is counted how often it ends the process.
    pub(super) async fn prepare(&self, plans: &[Arc<Plan>], batch: &Batch) -> Vec<Prepared> {
        let inner = self.inner;
        let current = inner.current();
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
                    let at = (self.topic, batch.partition);
                    let taken_by = |digest: Option<&str>| current.taken_by(plan, digest).clone();
                    arrived.push(Arrived::new(plan, taken_by, at, record, input.clone()));
                }
            }
            inner.verify(&mut arrived).await;
            let prepare = |arrived| self.prepare_one(arrived, &mut taken);
            prepared.extend(arrived.iter().map(prepare));
        }
        prepared
    }

    fn prepare_one(&self, arrived: &Arrived<'_>, taken: &mut HashSet<Lane>) -> Prepared {
        let inner = self.inner;
        let (row, mut run) = inner.run_of(arrived);
        if let Some(holding) = self.holding {
            run.belong_to(holding);
        }
        let is_free = run.lane.as_ref().is_none_or(|lane| !taken.contains(lane) && inner.lanes.is_free(lane));
        let may_end = is_free && self.before == Before::Ended && inner.slots.is_open(&run.plan.name);
        let mut at_once = may_end.then(|| inner.at_once(arrived.record, &run)).flatten();
        let holds = match &at_once {
            Some(ended) => ended.status == Status::Parked && run.plan.door.park_holds,
            None => true,
        };
        if let (true, Some(lane)) = (holds, &run.lane) {
            taken.insert(lane.clone());
        }
        let row = run.plan.has_journal().then(|| inner.row(row, &run, at_once.as_mut()));
        match (&at_once, run.events.first_mut().map(|event| &mut event.kind)) {
            (Some(_), _) => run.events = Vec::new(),
            // The store has it now.
            (None, Some(Kind::Started(started))) => started.input.forget_text(),
            (None, _) => {}
        }
        Prepared { row, run, at_once }
    }
}

/// What became of a batch.
enum Committed {
    /// Its runs are in the store, and begin.
    All,
    /// Nothing yet: up to there others have admitted it.
    Before { found: Offset, room: OwnedSemaphorePermit },
}

impl Inner {
    /// Commits a batch of runs; lets them begin, and tells of those that are over.
    async fn commit(
        self: Arc<Self>,
        admit: Admit,
        entering: Vec<(Admitted, Option<AtOnce>)>,
        mut room: OwnedSemaphorePermit,
    ) -> Result<Committed, StoreError> {
        let (began, from) = (Instant::now(), admit.from_offset);
        let answers = match self.store.admit(admit).await {
            // Whoever had the partition before has admitted more than the bus was told.
            Err(StoreError::Conflict(Conflict::Offset { found, .. }))
                if self.store.is_shared() && found > from =>
            {
                return Ok(Committed::Before { found, room });
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
        Ok(Committed::All)
    }

    /// Makes a change to its end, with all that follows: whoever stops waits for it, but not for ever.
    /// Otherwise nobody would be told of what it was that was committed.
    async fn to_its_end<T: Send + 'static>(
        &self,
        holding: Option<&Arc<Holding>>,
        change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (kill, holding) = (self.kill.clone(), holding.cloned());
        let change = async move {
            match &holding {
                Some(holding) => holding.work(change).await,
                None => Some(change.await),
            }
        };
        let changing = self.tasks.spawn(async move { kill.run_until_cancelled(change).await });
        match changing.await {
            Ok(Some(Some(changed))) => changed,
            // Nobody waits for it then.
            _ => Err(StoreError::Stopped("it was given up".into())),
        }
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
