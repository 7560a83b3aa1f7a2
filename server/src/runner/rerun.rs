//! Running a run again: a new run with the input of another, all of it or a part.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Started};
use pathway_engine::vm::{Mismatch, Portion, PortionError, Recorded};
use serde::{Deserialize, Serialize};

use super::actor::started;
use super::arrival::Row;
use super::asker::again;
use super::holding::Holding;
use super::lanes::Lane;
use super::order::Order;
use super::redrive::ROOM;
use super::{Admitted, Inner, Runner, launch};
use crate::facts::Facts;
use crate::store::{Admission, Admit, NewRun, Run, Status, StoreError};

/// Bytes of what a run keeps of another.
const LARGEST: usize = 64 << 20;

/// Which definition a run goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// That which the run is pinned to.
    #[default]
    Pinned,
    /// That which is served now.
    Current,
}

/// How a run is to be run again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Repeat {
    /// The public id of the run that does, which whoever asks chooses: however often it is tried, it is one.
    id: String,
    /// What of it.
    portion: Portion,
    /// By which definition.
    version: Version,
}

/// A run that runs another one again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerun {
    /// Its public id.
    pub id: String,
    /// The steps that keep what they came to.
    pub kept: Vec<String>,
    /// Whether the token of whoever asked is no good any more, so that it runs without.
    pub token_expired: bool,
    /// Whether it waits until the run that it runs again, which is parked, leaves their lane.
    pub waits_for_parked: bool,
}

/// Why a run was not run again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// As it is, it cannot be; why.
    #[error("{0}")]
    Refused(String),
    /// Not from this step, or not this step alone.
    #[error(transparent)]
    Portion(#[from] PortionError),
    /// Its journal does not tell what its steps came to.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// Others are to end first.
    #[error("{ROOM} runs that operators started or let go on are under way: try again later")]
    Full,
    /// Who asked could not be sealed.
    #[error("who asked could not be sealed")]
    Seal,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runner {
    /// Runs a run again that is over or parked, under a new id, once its lane is free, wherever that is
    /// worked on. Ready when it is durable that it will. The run itself stays as it is.
    ///
    /// # Errors
    /// It is under way, or cannot be run again so.
    pub async fn rerun(&self, run: Run, portion: Portion, version: Version) -> Result<Rerun, RerunError> {
        let repeat = Repeat { id: self.inner.ids.next().to_string(), portion, version };
        match self.rerun_here(run.clone(), &repeat, None).await {
            Some(done) => done,
            None => self.ask_for_rerun(run, repeat).await,
        }
    }

    /// Leaves it to whoever works on it, once all is known that could keep it from being done.
    async fn ask_for_rerun(&self, run: Run, repeat: Repeat) -> Result<Rerun, RerunError> {
        let nobody =
            |of: &str| refused(&format!("it belongs to {of}, on which nobody works: send its input anew"));
        match &run.home {
            None => return Err(nobody("no partition")),
            Some(home) if !self.inner.topics_to_work_on().await?.contains(&home.topic) => {
                return Err(nobody(&home.to_string()));
            }
            Some(_) => {}
        }
        let (_, _, rerun) = self.inner.prepare_rerun(run.clone(), &repeat).await?;
        let (pathway, of) = (&run.pathway, &run.public_id);
        match self.inner.leave_for(&run, &Order::Rerun(repeat)).await? {
            true => tracing::info!(pathway, run = rerun.id, of, "is to run again, elsewhere"),
            false => return Err(refused("it was forgotten meanwhile")),
        }
        Ok(rerun)
    }

    /// As [`Runner::rerun`], of a run that is this process's; none: it is not, or no longer. The message
    /// that asked for it goes with the commit that makes the run.
    pub(super) async fn rerun_here(
        &self,
        run: Run,
        repeat: &Repeat,
        message: Option<i64>,
    ) -> Option<Result<Rerun, RerunError>> {
        let home = run.home.clone();
        let rerun = async |holding: Option<&Arc<Holding>>| {
            let done = self.rerun_as(holding, run, repeat, message).await;
            let lost = matches!(&done, Err(RerunError::Store(error)) if self.inner.is_lost(holding, error));
            (!lost).then_some(done)
        };
        self.inner.work_here(home.as_ref(), rerun).await?
    }

    async fn rerun_as(
        &self,
        holding: Option<&Arc<Holding>>,
        run: Run,
        repeat: &Repeat,
        message: Option<i64>,
    ) -> Result<Rerun, RerunError> {
        let room = self.inner.room.clone().try_acquire_owned().map_err(|_full| RerunError::Full)?;
        let (row, mut admitted, rerun) = self.inner.prepare_rerun(run, repeat).await?;
        if let Some(holding) = holding {
            admitted.belong_to(holding);
        }
        let (pathway, of) = (row.pathway.clone(), row.rerun_of.clone());
        let topic = launch::SOURCE.to_owned();
        let admit = Admit {
            topic,
            partition: 0,
            proof: admitted.proof(),
            from_offset: 0,
            next_offset: 0,
            received: message.into_iter().collect(),
            runs: vec![row],
        };
        if let Some(Admission::Inserted(id)) = self.inner.store.admit(admit).await?.into_iter().next() {
            tracing::info!(pathway, run = rerun.id, of, "runs again");
            self.inner.enter(Admitted { id, room: Some(room), ..admitted });
        }
        Ok(rerun)
    }
}

impl Inner {
    /// The run that runs `run` again, as the store and as the runner is to have it.
    async fn prepare_rerun(
        &self,
        run: Run,
        repeat: &Repeat,
    ) -> Result<(NewRun, Admitted, Rerun), RerunError> {
        let Repeat { id, portion, version } = repeat;
        let (id, version) = (id.clone(), *version);
        if run.status == Status::Ready {
            return Err(refused("the run is under way: wait until it is over, or cancel it"));
        }
        let pinned = self.pinned(&run).await?;
        let plan = self.version(&run.pathway, pinned.as_ref(), version)?;
        // Whichever plan it is, the journal reads the same.
        let before = self.read(run.clone(), pinned.clone().unwrap_or_else(|| plan.clone())).await?;
        let before = before.ok_or_else(|| refused("its journal cannot be read"))?;
        let began = started(&before.events).ok_or_else(|| refused("its journal cannot be read"))?;
        if began.refused.is_some() {
            return Err(refused("what was to start it was refused before it began: send it anew"));
        }
        let recorded = match (portion, pinned) {
            (Portion::All, _) => Recorded::default(),
            (_, Some(pinned)) => recorded(&pinned, &self.history(&before, run.status))?,
            (_, None) => return Err(refused("what its steps came to cannot be told: run all of it again")),
        };
        let kept = portion.rerun(&plan, run.public_id.as_str().into(), &recorded)?;
        let asks = self.asks_again(began, &plan, (&run.public_id, &id))?;
        let rerun = Rerun {
            id: id.clone(),
            kept: kept.kept.keys().map(ToString::to_string).collect(),
            token_expired: asks.token_expired,
            waits_for_parked: false,
        };
        let trace = self.traces.as_ref().map(|traces| traces.begin_with(&id));
        let trace_of = trace.map(|trace| trace.to_string());
        let started = Started { trace: trace_of, ..again(began, &id, asks, kept) };
        let lane = match version {
            Version::Pinned => run.lane.clone(),
            Version::Current => self.lane_now(&plan, &started).or_else(|| run.lane.clone()),
        };
        let from_http = started.caller.is_some();
        let events = vec![Event { at: self.clock.now(), kind: Kind::Started(started) }];
        let admitted = Admitted {
            lane: lane.map(|key| Lane { home: None, pathway: plan.name.to_string(), key }),
            from_http,
            silent: true,
            trace,
            ..Admitted::new(id, plan, events)
        };
        let waits_for_parked = self.waits_for(&run, admitted.lane.as_ref());
        let mut row = self.row(Row::of(run.subject), &admitted, None);
        row.rerun_of = Some(run.public_id);
        if row.started.len() > LARGEST {
            let bytes = row.started.len();
            let why = "run it again from an earlier step, or all of it";
            return Err(refused(&format!("it would keep {bytes} bytes, more than {LARGEST}: {why}")));
        }
        Ok((row, admitted, Rerun { waits_for_parked, ..rerun }))
    }

    /// Whether a run is parked and holds this lane.
    fn waits_for(&self, run: &Run, lane: Option<&Lane>) -> bool {
        let Some(lane) = lane else { return false };
        match self.is_ours(run.home.as_ref()) {
            true => {
                let home = run.home.clone().filter(|_| self.store.is_shared());
                self.lanes.is_head(&Lane { home, ..lane.clone() }, run.id)
            }
            // Whoever works on it knows; from here it looks so.
            false => {
                let is_same = run.lane.as_ref() == Some(&lane.key);
                run.status == Status::Parked && is_same && self.holds(&run.pathway)
            }
        }
    }

    /// The plan of a version.
    fn version(
        &self,
        pathway: &str,
        pinned: Option<&Arc<Plan>>,
        version: Version,
    ) -> Result<Arc<Plan>, RerunError> {
        match version {
            Version::Pinned => pinned.cloned().ok_or_else(|| {
                refused("what it began with cannot be restored: run it with the current definition")
            }),
            Version::Current => self.current().plan(pathway).cloned().ok_or_else(|| {
                refused(&format!("there is no pathway `{pathway}` now: run it with what it began with"))
            }),
        }
    }

    /// The lane that the door of a plan says.
    fn lane_now(&self, plan: &Plan, started: &Started) -> Option<String> {
        let Started { input, principal, .. } = started;
        let facts = Facts { input, principal: principal.as_ref(), now: self.clock.now() };
        facts.text(plan.door.key.as_ref()?).ok().flatten()
    }
}

/// What the steps of a run came to.
fn recorded(plan: &Arc<Plan>, events: &[Event]) -> Result<Recorded, RerunError> {
    Recorded::of(plan, events).map_err(|mismatch| match mismatch {
        Mismatch::Compacted { .. } => refused(&format!("{mismatch}: run all of it again")),
        mismatch => mismatch.into(),
    })
}

fn refused(why: &str) -> RerunError {
    RerunError::Refused(why.to_owned())
}
