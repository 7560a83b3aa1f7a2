//! Taking up what was under way when the process ended.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Outcome};
use pathway_engine::vm::{Class, Failure};

use super::actor::started;
use super::before::Before;
use super::holding::Holding;
use super::lanes::Lane;
use super::{Admitted, Inner};
use crate::definition::Definition;
use crate::store::{News, Run, RunId, Status, Store, StoreError, Watch};
use crate::trace::TraceContext;

/// Runs read at once.
const PAGE: u32 = 500;

impl Inner {
    /// Lets every run that is not finished go on, of a partition or of all, in the order admitted.
    pub(super) async fn resume(
        self: &Arc<Self>,
        holding: Option<&Arc<Holding>>,
        before: Before,
    ) -> Result<(), StoreError> {
        let mut after: Option<RunId> = None;
        let mut count = 0_usize;
        // Where those stand that have called others; they were admitted before them.
        let mut callers: HashMap<RunId, Status> = HashMap::new();
        let mut waiting = Vec::new();
        loop {
            let page = match holding {
                None => self.store.unfinished(after, PAGE).await?,
                Some(holding) => self.store.unfinished_of(holding.home(), after, PAGE).await?,
            };
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for run in page {
                callers.insert(run.id, run.status);
                let caller = run.parent.map(|caller| callers.get(&caller));
                match run.status {
                    // Begun by whoever called it, as part of taking that up.
                    _ if caller == Some(Some(&Status::Ready)) => {}
                    // Of one that is over.
                    _ if caller == Some(None) => self.call_off(run, holding).await?,
                    Status::Parked => self.keep_held(&run, holding),
                    // Those that have not gone on yet after a redrive are behind all others in their
                    // lane, which may have begun meanwhile.
                    _ if run.wake_at.is_some() && !self.holds(&run.pathway) => waiting.push(run),
                    _ => {
                        count += 1;
                        self.take_up(run, holding, before).await?;
                    }
                }
            }
        }
        count += waiting.len();
        for run in waiting {
            self.take_up(run, holding, before).await?;
        }
        if count > 0 {
            tracing::info!(runs = count, "taken up where they were");
        }
        Ok(())
    }

    async fn take_up(
        self: &Arc<Self>,
        run: Run,
        holding: Option<&Arc<Holding>>,
        before: Before,
    ) -> Result<(), StoreError> {
        let is_called = run.parent.is_some();
        let Some(mut admitted) = self.read_back(run).await? else { return Ok(()) };
        admitted.is_suspect = before == Before::Crashed;
        if let Some(holding) = holding {
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
    fn holds(&self, pathway: &str) -> bool {
        self.program.pathways.get(pathway).is_some_and(|plan| plan.door.park_holds)
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
        let mut events = Vec::new();
        let mut kept = 0_u64;
        for event in self.store.events(run.id).await? {
            if event.seq > 0 {
                kept = kept.saturating_add(u64::try_from(event.payload.len()).unwrap_or(u64::MAX));
            }
            match self.decode(&plan, &run.public_id, &event.payload) {
                Ok(event) => events.push(event),
                Err(error) => {
                    tracing::error!(run = run.public_id, seq = event.seq, %error, "left as it is: its journal cannot be read");
                    return Ok(None);
                }
            }
        }
        Ok(Some(Admitted {
            id: run.id,
            lane: run.lane.map(|key| Lane { home: None, pathway: run.pathway, key }),
            holding: None,
            queued: None,
            correlation: run.correlation,
            from_http: started(&events).is_some_and(|started| started.caller.is_some()),
            room: None,
            finished: None,
            called_off: None,
            waits: run.wake_at.is_some(),
            taken_up: true,
            is_suspect: false,
            kept,
            silent: is_silent(&events),
            source: run.source.map(|source| (source.topic, source.partition, source.offset)),
            parent: run.parent.map(|parent| parent.to_string()),
            plan,
            public_id: run.public_id,
            trace: started(&events).and_then(|started| TraceContext::parse(started.trace.as_deref()?)),
            events,
        }))
    }
}

impl Inner {
    /// The plan that a run is pinned to: that of now, or the one that it began with.
    pub(super) async fn pinned(&self, run: &Run) -> Result<Option<Arc<Plan>>, StoreError> {
        let current = self.program.pathways.get(run.pathway.as_str());
        if let Some(plan) = current.filter(|plan| *plan.digest == *run.digest) {
            return Ok(Some(plan.clone()));
        }
        let text = self.store.definition(&run.digest).await?;
        let definition = text.and_then(|text| serde_json::from_str::<Definition>(&text).ok());
        let plan = definition.and_then(|kept| kept.plan(&run.pathway, &run.digest, &self.variables));
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
    started(events).is_some_and(|started| started.rerun.is_some())
        || events.iter().any(|event| matches!(event.kind, Kind::Redriven { .. }))
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
