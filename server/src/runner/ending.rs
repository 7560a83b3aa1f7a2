//! What the end of a run means: its status, and what is logged of it.

use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::journal::Outcome;
use pathway_engine::vm::{Class, Failure};

use super::actor::started;
use super::unkept;
use super::{Admitted, Inner};
use crate::clock::Clock;
use crate::store::Status;
use crate::telemetry::traces::Ended;

/// A run that is over.
pub(super) struct Ending<'a> {
    pub(super) run: &'a Admitted,
    pub(super) outcome: &'a Result<Value, Failure>,
}

impl Ending<'_> {
    /// What becomes of it.
    pub(super) fn status(&self) -> Status {
        match self.outcome {
            Ok(_) => Status::Succeeded,
            Err(failure) if failure.class == Class::Cancelled => Status::Cancelled,
            Err(failure) if !self.is_left(failure) => Status::Failed,
            // What it has done is undone, so it cannot go on from where it failed.
            Err(failure) if failure.compensation.is_some() => Status::Failed,
            Err(_) => Status::Parked,
        }
    }

    /// Why a copy of its record is left for a human, if one is.
    pub(super) fn dead_letter(&self) -> Option<&Failure> {
        self.outcome.as_ref().err().filter(|failure| self.is_left(failure))
    }

    /// Whether a failure is left for a human: a child's is its caller's to handle, as are those of
    /// whoever asked.
    fn is_left(&self, failure: &Failure) -> bool {
        failure.class != Class::Cancelled
            && self.run.parent.is_none()
            && !(self.run.from_http && is_callers(failure.class))
    }

    /// Its outcome as it is stored.
    pub(super) fn stored(&self) -> Option<Vec<u8>> {
        let outcome = match self.outcome {
            Ok(value) => Outcome::Answer(value.clone()),
            Err(failure) => Outcome::Failure(failure.clone()),
        };
        serde_json::to_vec(&outcome).ok()
    }

    fn log(&self, status: Status) {
        let (pathway, run) = (&self.run.plan.name, &self.run.public_id);
        let compensation = self.outcome.as_ref().err().and_then(|failure| failure.compensation.as_deref());
        for left in compensation.into_iter().flat_map(|told| &told.not_undone) {
            tracing::warn!(
                %pathway, run, step = left.step, class = left.class.name(), why = left.message,
                "a finished step could not be undone"
            );
        }
        match self.outcome {
            Ok(_) => tracing::info!(%pathway, run, "succeeded"),
            Err(failure) if unkept::is_lost(self.run, status) => tracing::warn!(
                %pathway, run, class = failure.class.name(), step = failure.step, why = failure.message,
                "failed: its record is on the dead-letter topic"
            ),
            Err(failure) if status == Status::Parked => tracing::warn!(
                %pathway, run, class = failure.class.name(), step = failure.step, why = failure.message,
                "parked: it can be redriven from the failing step"
            ),
            Err(failure) if self.dead_letter().is_some() => tracing::warn!(
                %pathway, run, class = failure.class.name(), step = failure.step, why = failure.message,
                "failed and undone: its record is on the dead-letter topic"
            ),
            Err(failure) => tracing::info!(
                %pathway, run, class = failure.class.name(), step = failure.step, why = failure.message,
                "failed"
            ),
        }
    }
}

impl Inner {
    /// Says in the log that a run is over, counts it, and has its spans told.
    pub(super) fn ended(&self, run: &Admitted, outcome: &Result<Value, Failure>, status: Status) {
        Ending { run, outcome }.log(status);
        // What ended at once took no time that anybody could tell, and has no journal here any more.
        if run.events.is_empty() {
            self.metrics.runs.began(&run.plan.name);
        }
        let took = run.events.first().map(|started| self.clock.now().duration_since(started.at));
        let took = took.and_then(|took| Duration::try_from(took).ok()).unwrap_or_default();
        self.metrics.runs.ended(&run.plan.name, status, took);
        if let Some(traces) = &self.traces
            && let Some(above) = run.trace.filter(|trace| trace.is_sampled())
        {
            let failure = outcome.as_ref().err();
            traces.run(Ended {
                run: run.public_id.clone(),
                pathway: run.plan.name.clone(),
                above,
                redrives: run.redrives,
                source: run.source.clone(),
                from: run.events.first().map(|started| started.at),
                to: self.clock.now(),
                status,
                failure: failure.map(|failure| (failure.class, failure.message.clone())),
                has_journal: run.plan.has_journal(),
            });
        }
    }
}

/// Why a run does not begin any more: whoever asked waits no longer.
pub(super) fn given_up(run: &Admitted, clock: &Clock) -> Option<Failure> {
    let deadline = started(&run.events)?.caller.as_ref()?.deadline?;
    (deadline < clock.now()).then(|| Failure::new(Class::Cancelled, "whoever asked has given up waiting"))
}

/// Classes that are the caller's affair: nothing is to be redriven.
fn is_callers(class: Class) -> bool {
    matches!(class, Class::Invalid | Class::Denied | Class::NotFound | Class::Conflict | Class::Cancelled)
}
