//! Schedules: publishes the record of a tick when its time has come.
//!
//! Where each schedule stands is kept in the store, and written after the record is published: a
//! tick may be published again after a crash, or by another process, but not be lost. Its run has
//! an id that follows from the tick, so that admission keeps one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use pathway_engine::compile::{Plan, Program};
use pathway_engine::document::{Overlap, Schedule};
use pathway_engine::project::Project;
use pathway_engine::schedule::{Due, Ticker};
use pathway_engine::value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bus::{Bus, BusError, NewRecord};
use crate::envelope::{Envelope, MESSAGE_ID};
use crate::facts::Facts;
use crate::store::{Status, Store, StoreError, Tick, Watch};

/// The clock may be set, and stands still while a machine is suspended: it is looked at again
/// after this long.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Before a tick is tried again that could not be published.
const PAUSE: Duration = Duration::from_secs(5);
/// What ids of runs are made in.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_0a4e_4f0d_5d6b_9a55_3f5f_0f6e_27b1);

/// The schedules of all pathways.
#[derive(Debug)]
pub struct Scheduler {
    entries: Vec<Entry>,
    project: Arc<Project>,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
}

/// One schedule.
#[derive(Debug)]
struct Entry {
    plan: Arc<Plan>,
    /// Which of the pathway's.
    number: usize,
    ticker: Ticker,
    /// The run of the last tick that was published.
    run: Option<Published>,
}

/// The run of a tick.
#[derive(Debug)]
struct Published {
    id: String,
    /// Tells when it is admitted, or dropped; none once it did, and of a run of before the start,
    /// which is in the store or will never be.
    pending: Option<Watch>,
}

/// Why a tick was not published.
#[derive(Debug, thiserror::Error)]
enum TickError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl Scheduler {
    /// The schedules of `program`, each where it stood; one that was never seen begins at `now`.
    ///
    /// # Errors
    /// If the store cannot be used.
    pub async fn load(
        program: &Program,
        project: Arc<Project>,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut entries = Vec::new();
        for plan in program.pathways.values() {
            for (number, schedule) in plan.door.schedules.iter().enumerate() {
                let tick = match store.last_tick(&plan.name, &schedule.name).await? {
                    Some(tick) => tick,
                    None => {
                        let tick = Tick { at: now.as_millisecond(), run: None };
                        store.set_last_tick(&plan.name, &schedule.name, tick.clone()).await?;
                        tick
                    }
                };
                let last = Timestamp::from_millisecond(tick.at).unwrap_or(now);
                let ticker = Ticker::new(schedule.calendar.clone(), schedule.catch_up, last);
                let run = tick.run.map(|id| Published { id, pending: None });
                entries.push(Entry { plan: plan.clone(), number, ticker, run });
            }
        }
        Ok(Self { entries, project, store, bus })
    }

    /// The same, which knows of the runs of ticks what `before` knew.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        for known in before.entries {
            let is_same = |entry: &&mut Entry| entry.name() == known.name();
            if let Some(entry) = self.entries.iter_mut().find(is_same) {
                entry.run = known.run;
            }
        }
        self
    }

    /// Publishes ticks as they come, until `stop`.
    pub async fn run(mut self, now: impl Fn() -> Timestamp, stop: CancellationToken) -> Self {
        if self.entries.is_empty() {
            stop.cancelled().await;
            return self;
        }
        loop {
            let wait = self.tick(now()).await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return self,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Does all that is due at `now`; tells how long to wait then.
    pub async fn tick(&mut self, now: Timestamp) -> Duration {
        let mut wait = LONGEST_SLEEP;
        let outside = Outside { project: &self.project, store: &*self.store, bus: &*self.bus };
        for entry in &mut self.entries {
            let next = match entry.tick(&outside, now).await {
                Ok(()) => entry.ticker.wait(now),
                Err(error) => {
                    let pathway = &entry.plan.name;
                    tracing::warn!(%pathway, %error, "a tick could not be published; it is tried again");
                    Some(PAUSE)
                }
            };
            wait = wait.min(next.unwrap_or(LONGEST_SLEEP));
        }
        wait
    }
}

/// What a tick needs.
struct Outside<'a> {
    project: &'a Project,
    store: &'a dyn Store,
    bus: &'a dyn Bus,
}

impl Entry {
    /// The pathway's name, and its own.
    fn name(&self) -> Option<(&str, &str)> {
        Some((&self.plan.name, &self.plan.door.schedules.get(self.number)?.name))
    }

    async fn tick(&mut self, outside: &Outside<'_>, now: Timestamp) -> Result<(), TickError> {
        let plan = self.plan.clone();
        let Some(schedule) = plan.door.schedules.get(self.number) else { return Ok(()) };
        let (pathway, name) = (&plan.name, &*schedule.name);
        let Due { ticks, missed } = self.ticker.due(now);
        if missed {
            tracing::warn!(%pathway, schedule = name, "ticks were missed that are not made up for");
        }
        // What is made up for at once is not left out for its own sake: it waits in its lane.
        let mut left_out = None;
        for tick in ticks {
            let shown = schedule.calendar.show(tick);
            let id = id(pathway, name, tick);
            let is_left_out = match (schedule.overlap, left_out) {
                (Overlap::Skip, Some(known)) => known,
                (Overlap::Skip, None) => self.goes_on(outside.store, &id).await?,
                (Overlap::Queue | Overlap::Allow, _) => false,
            };
            left_out = Some(is_left_out);
            if is_left_out {
                let before = self.run.as_ref().map(|run| &*run.id);
                tracing::warn!(
                    %pathway, schedule = name, tick = shown, run = before,
                    "left out: the run of the tick before goes on"
                );
            } else {
                self.publish(outside, schedule, (tick, id), now).await?;
            }
            let run = self.run.as_ref().map(|run| run.id.clone());
            outside.store.set_last_tick(pathway, name, Tick { at: tick.as_millisecond(), run }).await?;
            self.ticker.settle(tick);
        }
        Ok(())
    }

    /// Whether the run of the last tick that was published is not over. A parked one waits for a
    /// person, who may not come before the next tick.
    async fn goes_on(&mut self, store: &dyn Store, next: &str) -> Result<bool, StoreError> {
        let Some(run) = self.run.as_mut().filter(|run| run.id != next) else { return Ok(false) };
        if let Some(watch) = &mut run.pending
            && let Some(told) = watch.changed().now_or_never()
        {
            told?;
            run.pending = None;
        }
        Ok(match store.run(&run.id).await? {
            Some(found) => found.status == Status::Ready,
            None => run.pending.is_some(),
        })
    }

    async fn publish(
        &mut self,
        outside: &Outside<'_>,
        schedule: &Schedule,
        (tick, id): (Timestamp, String),
        now: Timestamp,
    ) -> Result<(), TickError> {
        let plan = &self.plan;
        let shown = schedule.calendar.show(tick);
        let input = match schedule.input_at(tick) {
            Ok(input) => input,
            Err(error) => {
                // Tried out by the compiler; what it depends on is the time alone.
                let (pathway, message) = (&plan.name, error.message);
                tracing::error!(%pathway, schedule = schedule.name, tick = shown, message, "left out");
                return Ok(());
            }
        };
        let has_lane = schedule.overlap != Overlap::Allow && plan.door.key.is_none();
        let lane = has_lane.then(|| format!("schedule {}", schedule.name));
        let key = lane.clone().or_else(|| {
            let facts = Facts { input: &input, principal: None, now: tick };
            facts.text(plan.door.key.as_ref()?).ok().flatten()
        });
        let envelope = Envelope {
            pathway: plan.name.to_string(),
            run: id.clone(),
            correlation: id.clone(),
            tick: Some(shown.clone()),
            lane,
            definition: Some(plan.digest.to_string()),
            ..Envelope::default()
        };
        let mut headers = envelope.to_headers();
        headers.push((MESSAGE_ID.to_owned(), tick_id(&plan.name, &schedule.name, tick).into_bytes()));
        let record = NewRecord {
            topic: outside.project.topics.real(&plan.topic()).to_owned(),
            key: Some(key.unwrap_or_else(|| id.clone()).into_bytes()),
            value: Some(value::to_json(&input).into_bytes().into()),
            headers: headers.into(),
            time: now.as_millisecond(),
        };
        // Watched before it is published: nothing is missed.
        let watch = outside.store.watch_run(&id);
        outside.bus.publish(vec![record]).await?;
        tracing::info!(pathway = %plan.name, schedule = schedule.name, tick = shown, run = id, "scheduled");
        self.run = Some(Published { id, pending: Some(watch) });
        Ok(())
    }
}

/// What a tick is known by, wherever it is published.
fn tick_id(pathway: &str, schedule: &str, tick: Timestamp) -> String {
    format!("pathway-tick/{pathway}/{schedule}/{tick}")
}

/// The public id of the run of a tick.
fn id(pathway: &str, schedule: &str, tick: Timestamp) -> String {
    Uuid::new_v5(&NAMESPACE, tick_id(pathway, schedule, tick).as_bytes()).to_string()
}
