//! Taking up what was under way when the process ended.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Outcome, compacted};
use pathway_engine::vm::{Class, Failure};

use super::actor::started;
use super::before::Before;
use super::holding::Holding;
use super::lanes::Lane;
use super::{Admitted, Inner};
use crate::definition::Definition;
use crate::store::{Event as Stored, News, Run, RunId, Status, Store, StoreError, Watch};
use crate::trace::TraceContext;

/// Runs read at once.
const PAGE: u32 = 500;

/// Runs that are not finished, with the journals of those that may go on by themselves.
type Page = Vec<(Run, Option<Vec<Stored>>)>;

/// What is known while runs are taken up.
struct TakingUp<'a> {
    holding: Option<&'a Arc<Holding>>,
    /// How whoever had them before ended.
    before: Before,
    /// Where those stand that may have called others; they were admitted before them.
    callers: HashMap<RunId, Status>,
    /// Those to be taken up after all others.
    last: Vec<Run>,
    /// How many were taken up.
    count: usize,
}

impl Inner {
    /// Lets every run that is not finished go on, of a partition or of all, in the order admitted.
    pub(super) async fn resume(
        self: &Arc<Self>,
        holding: Option<&Arc<Holding>>,
        before: Before,
    ) -> Result<(), StoreError> {
        let mut taking_up = TakingUp { holding, before, callers: HashMap::new(), last: Vec::new(), count: 0 };
        let mut page = self.page(None, holding).await?;
        while let Some(last) = page.last().map(|(run, _)| run.id) {
            // The next ones are read meanwhile.
            let next = self.page(Some(last), holding);
            let (next, taken_up) = tokio::join!(biased; next, self.take_up_all(page, &mut taking_up));
            taken_up?;
            page = next?;
        }
        for run in std::mem::take(&mut taking_up.last) {
            self.take_up(run, None, &mut taking_up).await?;
        }
        if taking_up.count > 0 {
            tracing::info!(runs = taking_up.count, "taken up where they were");
        }
        Ok(())
    }

    async fn page(&self, after: Option<RunId>, holding: Option<&Arc<Holding>>) -> Result<Page, StoreError> {
        let runs = match holding {
            None => self.store.unfinished(after, PAGE).await?,
            Some(holding) => self.store.unfinished_of(holding.home(), after, PAGE).await?,
        };
        let goes_on =
            |run: &Run| run.status == Status::Ready && run.parent.is_none() && run.wake_at.is_none();
        let ids: Vec<RunId> = runs.iter().filter(|run| goes_on(run)).map(|run| run.id).collect();
        let mut journals = self.store.journals(&ids).await?.into_iter();
        let mut page = Vec::with_capacity(runs.len());
        for run in runs {
            let journal = if goes_on(&run) {
                // What could not be read together begins the next page.
                let Some(journal) = journals.next() else { break };
                Some(journal)
            } else {
                None
            };
            page.push((run, journal));
        }
        Ok(page)
    }

    async fn take_up_all(
        self: &Arc<Self>,
        page: Page,
        taking_up: &mut TakingUp<'_>,
    ) -> Result<(), StoreError> {
        for (run, journal) in page {
            taking_up.callers.insert(run.id, run.status);
            let caller = run.parent.map(|caller| taking_up.callers.get(&caller));
            match run.status {
                // Begun by whoever called it, as part of taking that up.
                _ if caller == Some(Some(&Status::Ready)) => {}
                // Of one that is over.
                _ if caller == Some(None) => self.call_off(run, taking_up.holding).await?,
                Status::Parked => self.keep_held(&run, taking_up.holding),
                // Those that have not gone on yet after a redrive are behind all others in their
                // lane, which may have begun meanwhile.
                _ if run.wake_at.is_some() && !self.holds(&run.pathway) => {
                    taking_up.last.push(run);
                }
                _ => self.take_up(run, journal, taking_up).await?,
            }
        }
        Ok(())
    }

    async fn take_up(
        self: &Arc<Self>,
        run: Run,
        journal: Option<Vec<Stored>>,
        taking_up: &mut TakingUp<'_>,
    ) -> Result<(), StoreError> {
        taking_up.count += 1;
        let is_called = run.parent.is_some();
        let read = match (self.pinned(&run).await?, journal) {
            (None, _) => None,
            (Some(plan), Some(journal)) => self.restore(run, plan, journal),
            (Some(plan), None) => self.read(run, plan).await?,
        };
        let Some(mut admitted) = read else { return Ok(()) };
        admitted.is_suspect = taking_up.before == Before::Crashed;
        if let Some(holding) = taking_up.holding {
            admitted.belong_to(holding);
        }
        match is_called {
            false => self.enter(admitted),
            // Whoever called it is parked, and may be redriven.
            true => self.begin(admitted),
        }
        Ok(())
    }

    /// Whether parked runs of a pathway hold their lanes.
    pub(super) fn holds(&self, pathway: &str) -> bool {
        self.current.borrow().called(pathway).is_some_and(|plan| plan.door.park_holds)
    }

    /// A parked run may hold its lane.
    fn keep_held(&self, run: &Run, holding: Option<&Arc<Holding>>) {
        if let (true, Some(key)) = (self.holds(&run.pathway), &run.lane) {
            let home = holding.map(|holding| holding.home().clone());
            self.lanes.hold(Lane { home, pathway: run.pathway.clone(), key: key.clone() }, run.id);
        }
    }

    /// A run as it was admitted, with its journal; none where it cannot go on with the pathways
    /// that are there now.
    pub(super) async fn read_back(&self, run: Run) -> Result<Option<Admitted>, StoreError> {
        match self.pinned(&run).await? {
            Some(plan) => self.read(run, plan).await,
            None => Ok(None),
        }
    }

    /// A run with its journal, as one of a plan.
    pub(super) async fn read(&self, run: Run, plan: Arc<Plan>) -> Result<Option<Admitted>, StoreError> {
        let journal = self.store.events(run.id).await?;
        Ok(self.restore(run, plan, journal))
    }

    /// A run as one of a plan, from its journal.
    fn restore(&self, run: Run, plan: Arc<Plan>, journal: Vec<Stored>) -> Option<Admitted> {
        let mut events = Vec::with_capacity(journal.len());
        let mut kept = 0_u64;
        for event in journal {
            if event.seq > 0 {
                kept = kept.saturating_add(u64::try_from(event.payload.len()).unwrap_or(u64::MAX));
            }
            match self.decode(&plan, &run.public_id, &event.payload) {
                Ok(event) => events.push(event),
                Err(error) => {
                    tracing::error!(run = run.public_id, seq = event.seq, %error, "left as it is: its journal cannot be read");
                    return None;
                }
            }
        }
        let first = started(&events);
        Some(Admitted {
            id: run.id,
            lane: run.lane.map(|key| Lane { home: None, pathway: run.pathway, key }),
            correlation: run.correlation,
            from_http: first.is_some_and(|started| started.caller.is_some()),
            waits: run.wake_at.is_some(),
            taken_up: true,
            kept,
            silent: is_silent(&events),
            source: run.source.map(|source| (source.topic, source.partition, source.offset)),
            parent: run.parent.map(|parent| parent.to_string()),
            trace: first.and_then(|started| TraceContext::parse(started.trace.as_deref()?)),
            redrives: redrives(&events),
            ..Admitted::new(run.public_id, plan, events)
        })
    }
}

impl Inner {
    /// The plan that a run is pinned to: that of now, or the one that it began with.
    pub(super) async fn pinned(&self, run: &Run) -> Result<Option<Arc<Plan>>, StoreError> {
        let current = self.current();
        let plan = current.plan(&run.pathway);
        if let Some(plan) = plan.filter(|plan| *plan.digest == *run.digest) {
            return Ok(Some(plan.clone()));
        }
        let known = self.earlier.get(&run.pathway, &run.digest);
        if known.is_some() {
            return Ok(known);
        }
        let text = self.store.definition(&run.digest).await?;
        let definition = text.and_then(|text| serde_json::from_str::<Definition>(&text).ok());
        let plan =
            definition.and_then(|kept| kept.plan(&run.pathway, &run.digest, &current.loaded.variables));
        if let Some(plan) = &plan {
            self.earlier.keep(&run.pathway, &run.digest, plan);
        }
        if plan.is_none() {
            tracing::error!(
                run = run.public_id,
                pathway = run.pathway,
                "left as it is: what it began with cannot be restored"
            );
        }
        Ok(plan)
    }
}

/// Whether nobody is to be answered, or was already.
fn is_silent(events: &[Event]) -> bool {
    started(events).is_some_and(|started| started.rerun.is_some()) || redrives(events) > 0
}

fn redrives(events: &[Event]) -> u32 {
    let before = compacted(events).map_or(0, |compacted| compacted.redriven);
    let redriven = events.iter().filter(|event| matches!(event.kind, Kind::Redriven { .. }));
    before.saturating_add(u32::try_from(redriven.count()).unwrap_or(u32::MAX))
}

/// Waits until a run is over; what is parked has failed for whoever called it.
pub(super) async fn outcome_of(store: &dyn Store, mut watch: Watch, public_id: &str) -> Outcome {
    let read = |stored: Option<&[u8]>| {
        stored.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_else(|| {
            Outcome::Failure(Failure::new(Class::Bug, "the run that was called left no outcome"))
        })
    };
    loop {
        match watch.news() {
            News::Ended(ended) => return read(ended.outcome.as_deref()),
            News::GoesOn => {}
            News::Something | News::Perhaps => match store.run(public_id).await {
                Ok(Some(run)) if run.status != Status::Ready => return read(run.outcome.as_deref()),
                Ok(_) => {}
                Err(error) => return Outcome::Failure(Failure::new(Class::Outage, error.to_string())),
            },
        }
        if let Err(error) = watch.changed().await {
            return Outcome::Failure(Failure::new(Class::Outage, error.to_string()));
        }
    }
}
