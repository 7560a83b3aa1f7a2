//! Redriving: a parked run goes on at the step that failed, with its journal.

use std::sync::Arc;

use pathway_engine::journal::{Event, next_place};
use pathway_engine::vm::{Departure, Vm};

use super::actor::started;
use super::holding::Holding;
use super::lanes::Lane;
use super::order::{Order, OrderError};
use super::{Admitted, Inner, Runner, Version};
use crate::store::{Append, Conflict, NewEvent, Run, Status, StatusChange, StoreError};

/// Runs that were redriven, or run others again, and are in memory, at once.
pub(super) const ROOM: usize = 1_000;

/// Why a run was not redriven, or not dropped.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// It is not parked, or no longer.
    #[error("the run is not parked")]
    NotParked,
    /// It cannot go on; why.
    #[error("{0}")]
    Refused(String),
    /// It cannot go on by the current definition.
    #[error("it cannot go on by the current definition: {0}; run it again instead (`pathway runs rerun`)")]
    Departs(#[from] Departure),
    /// Others that were redriven are to end first.
    #[error("{ROOM} runs that operators started or let go on are under way: try again later")]
    Full,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OrderError> for RedriveError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Nobody => Self::Refused(error.to_string()),
            OrderError::Store(error) => Self::Store(error),
        }
    }
}

impl Runner {
    /// Lets a parked run go on at the step that failed, once its lane is free: by its own definition, or
    /// by the current one, to which it is pinned then. Ready when it is durable that it will.
    ///
    /// # Errors
    /// It is not parked, or cannot go on.
    pub async fn redrive(&self, run: Run, version: Version) -> Result<(), RedriveError> {
        if let Some(done) = self.redrive_here(run.clone(), version).await {
            return done;
        }
        self.could_redrive(run.clone(), version).await?;
        self.ask(&run, &Order::Redrive(version)).await
    }

    /// Leaves it to whoever works on it.
    async fn ask(&self, run: &Run, order: &Order) -> Result<(), RedriveError> {
        match self.inner.order(run, Status::Parked, order).await? {
            true => Ok(()),
            false => Err(RedriveError::NotParked),
        }
    }

    /// As [`Runner::redrive`], of a run that is this process's; none: it is not, or no longer.
    pub(super) async fn redrive_here(&self, run: Run, version: Version) -> Option<Result<(), RedriveError>> {
        let home = run.home.clone();
        let redrive = async |holding: Option<&Arc<Holding>>| {
            self.inner.unless_fenced(holding, self.redrive_as(holding, run, version).await)
        };
        self.inner.work_here(home.as_ref(), redrive).await?
    }

    async fn redrive_as(
        &self,
        holding: Option<&Arc<Holding>>,
        run: Run,
        version: Version,
    ) -> Result<(), RedriveError> {
        let room = self.inner.room.clone().try_acquire_owned().map_err(|_full| RedriveError::Full)?;
        let pinned = run.digest.clone();
        let (mut admitted, event) = self.redriven(run, version).await?;
        if let Some(holding) = holding {
            admitted.belong_to(holding);
        }
        let id = admitted.id;
        let seq = u32::try_from(next_place(&admitted.events)).unwrap_or(u32::MAX);
        let payload = self.inner.encode(&admitted.plan, &admitted.public_id, &event);
        let at = event.at.as_millisecond();
        let status = StatusChange { status: Status::Ready, outcome: None, wake_at: Some(at), at };
        let change = Append {
            proof: admitted.proof(),
            events: vec![NewEvent { kind: event.name(), payload }],
            status: Some(status),
            definition: Some(admitted.plan.digest.to_string()).filter(|digest| *digest != pinned),
            ..Append::new(id, seq)
        };
        let (pathway, onto) = (admitted.plan.name.clone(), change.definition.clone());
        self.inner.store.append(change).await.map_err(not_parked)?;
        tracing::info!(%pathway, run = admitted.public_id, onto, "redriven");
        let mut events = admitted.events;
        events.push(event);
        let redrives = admitted.redrives.saturating_add(1);
        let mut admitted =
            Admitted { events, redrives, silent: true, waits: true, room: Some(room), ..admitted };
        let lane = admitted.lane.as_ref();
        if lane.is_some_and(|lane| self.inner.lanes.is_head(lane, id)) {
            // It holds its lane already.
            admitted.queued = self.inner.queue.enter(&admitted.plan.name);
            self.inner.begin(admitted);
        } else {
            self.inner.enter(admitted);
        }
        Ok(())
    }

    /// Whether a parked run could be redriven now.
    ///
    /// # Errors
    /// As [`Runner::redrive`].
    pub async fn could_redrive(&self, run: Run, version: Version) -> Result<(), RedriveError> {
        self.redriven(run, version).await.map(drop)
    }

    /// Gives a parked run up: it has failed for good, and its lane goes on.
    ///
    /// # Errors
    /// It is not parked.
    pub async fn drop_parked(&self, run: Run) -> Result<(), RedriveError> {
        match self.drop_here(run.clone()).await {
            Some(done) => done,
            None => self.ask(&run, &Order::Drop).await,
        }
    }

    /// As [`Runner::drop_parked`], of a run that is this process's; none: it is not, or no longer.
    pub(super) async fn drop_here(&self, run: Run) -> Option<Result<(), RedriveError>> {
        let home = run.home.clone();
        let drop = async |holding: Option<&Arc<Holding>>| {
            self.inner.unless_fenced(holding, self.drop_as(holding, run).await)
        };
        self.inner.work_here(home.as_ref(), drop).await?
    }

    async fn drop_as(&self, holding: Option<&Arc<Holding>>, run: Run) -> Result<(), RedriveError> {
        let seq = self.inner.store.events(run.id).await?.last().map_or(1, |event| event.seq + 1);
        // Looked at after that: if it goes on meanwhile, something is added.
        let run = self.inner.store.run(&run.public_id).await?;
        let run = run.filter(|run| run.status == Status::Parked).ok_or(RedriveError::NotParked)?;
        let at = self.inner.clock.millis();
        let status = StatusChange { status: Status::Failed, outcome: run.outcome, wake_at: None, at };
        let proof = holding.and_then(|holding| holding.proof());
        let change = Append { proof, status: Some(status), ..Append::new(run.id, seq) };
        self.inner.store.append(change).await.map_err(not_parked)?;
        tracing::info!(pathway = run.pathway, run = run.public_id, "dropped: it has failed for good");
        self.inner.inbox.look_at(run.id);
        self.inner.call_off_children(run.id, |_| false, holding).await?;
        let home = holding.map(|holding| holding.home().clone());
        let lane = run.lane.map(|key| Lane { home, pathway: run.pathway, key });
        let lane = lane.filter(|lane| self.inner.lanes.is_head(lane, run.id));
        if let Some(next) = lane.and_then(|lane| self.inner.lanes.leave(&lane)) {
            self.inner.begin(next);
        }
        Ok(())
    }

    /// The run, and the event that lets it go on.
    async fn redriven(&self, run: Run, version: Version) -> Result<(Admitted, Event), RedriveError> {
        if run.status != Status::Parked {
            return Err(RedriveError::NotParked);
        }
        let refused = |why: &str| RedriveError::Refused(why.to_owned());
        let Some(admitted) = self.inner.read_back(run).await? else {
            return Err(refused("its journal, or the definition that it began with, cannot be read"));
        };
        if started(&admitted.events).is_some_and(|started| started.refused.is_some()) {
            return Err(refused("what was to start it was refused, and would be again"));
        }
        let at = self.inner.clock.now();
        if version == Version::Current {
            let current = self.inner.current();
            let current = current.plan(&admitted.plan.name);
            let current = current.ok_or_else(|| refused("there is no such pathway now"))?;
            if current.digest != admitted.plan.digest {
                let kind = Vm::onto(admitted.plan, current.clone(), &admitted.events)?;
                return Ok((Admitted { plan: current.clone(), ..admitted }, Event { at, kind }));
            }
        }
        let vm = Vm::replay(admitted.plan.clone(), &admitted.events)
            .map_err(|why| RedriveError::Refused(why.to_string()))?;
        let kind = vm
            .redriven(next_place(&admitted.events))
            .ok_or_else(|| refused("its journal does not tell how it failed"))?;
        Ok((admitted, Event { at, kind }))
    }
}

impl Inner {
    /// What was done for a run; none where somebody else has taken it over, which is noted. Where nobody knows
    /// whether it was, the process ends: whoever takes the run up next finds out.
    fn unless_fenced(
        &self,
        holding: Option<&Arc<Holding>>,
        done: Result<(), RedriveError>,
    ) -> Option<Result<(), RedriveError>> {
        let lost = matches!(&done, Err(RedriveError::Store(error)) if self.is_lost(holding, error));
        (!lost).then_some(done)
    }

    /// Whether somebody else has taken over what was to be changed; as above.
    pub(super) fn is_lost(&self, holding: Option<&Arc<Holding>>, error: &StoreError) -> bool {
        if matches!(error, StoreError::Unknown(_)) {
            self.fatal(&error.to_string());
        }
        match holding.filter(|_| error.is_fenced()) {
            Some(holding) => {
                holding.lose();
                true
            }
            None => false,
        }
    }
}

/// Somebody else was faster.
fn not_parked(error: StoreError) -> RedriveError {
    match error {
        StoreError::Conflict(Conflict::Seq { .. } | Conflict::Finished(_)) => RedriveError::NotParked,
        error => RedriveError::Store(error),
    }
}
