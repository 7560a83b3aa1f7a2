//! What operators may ask and do of runs and limits, however they ask: over the admin listener or in the
//! terminal.

mod again;
mod error;
mod journal;
mod limits;
mod overview;
mod selection;
mod shown;
mod step_status;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::journal::Signal;
use pathway_engine::vm::{Class, Failure};

pub use again::{Again, Rerun};
pub use error::Error;
pub use journal::{Entry, Journal};
pub use limits::{Adaptive, Busy, Limit, Limits, Permits, Source};
pub use overview::{Bucket, Circuit, Lag, Overview, Pathway, Took, UnderWay};
pub use selection::Selection;
pub use shown::{Detail, Failed, Redriven, Skipped, Step, Summary, Waits};
pub use step_status::StepStatus;
pub(crate) use timeline::{Attempt, End, executions, turn};
pub use timeline::{Bar, Row, Timeline};

use crate::runner::{RedriveError, Runner, Version};
use crate::store::{Filter, Run, Status, Store};

/// Runs that are listed, or redriven, at once.
pub const MOST: u32 = 500;
/// Runs that are named of those that run one again.
pub const RERUNS: u32 = 20;
/// Bytes of the name of a signal.
const LONGEST_NAME: usize = 128;

/// Which runs to list, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only with this status.
    pub status: Option<Status>,
    /// Only of this pathway.
    pub pathway: Option<String>,
    /// Only admitted before this one, by its id.
    pub before: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// Operations on the runs of a server.
#[derive(Debug, Clone)]
pub struct Operations {
    store: Arc<dyn Store>,
    runner: Runner,
}

impl Operations {
    /// On the runs of `store`, which `runner` runs.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, runner: Runner) -> Self {
        Self { store, runner }
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// The store cannot be read, or `before` is no run.
    pub async fn list(&self, listing: Listing) -> Result<Vec<Summary>, Error> {
        Ok(self.told(&runs(&*self.store, listing).await?))
    }

    /// Runs, and what they do.
    fn told(&self, runs: &[Run]) -> Vec<Summary> {
        let doing = self.runner.doing(runs);
        runs.iter().zip(doing).map(|(run, doing)| Summary::of(run).with_doing(doing)).collect()
    }

    /// A run with its steps, and what it waits for.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn show(&self, id: &str) -> Result<Detail, Error> {
        let run = find(&*self.store, id).await?;
        let story = self.runner.story(&run).await?;
        let reruns = self.store.reruns(id, RERUNS).await?;
        let doing = self.runner.doing(std::slice::from_ref(&run)).into_iter().next().flatten();
        Ok(Detail::of(&run, &story).with_doing(doing).with_reruns(&reruns))
    }

    /// When the steps of a run were at work.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn timeline(&self, id: &str) -> Result<Timeline, Error> {
        let run = find(&*self.store, id).await?;
        let story = self.runner.story(&run).await?;
        Ok(Timeline::of(&run, &story, self.runner.now()))
    }

    /// A run's journal.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn journal(&self, id: &str) -> Result<Journal, Error> {
        Journal::of(&*self.store, id).await
    }

    /// Calls a run off.
    ///
    /// # Errors
    /// It is over, or parked.
    pub async fn cancel(&self, id: &str) -> Result<(), Error> {
        let run = find(&*self.store, id).await?;
        let reason = Failure::new(Class::Cancelled, "cancelled by an operator");
        let told = self.runner.cancel(id, reason).await?;
        reached(&run, told)
    }

    /// Sends a run a signal.
    ///
    /// # Errors
    /// It is over, or parked, or the name is too long.
    pub async fn signal(&self, id: &str, signal: Signal) -> Result<(), Error> {
        if signal.name.len() > LONGEST_NAME {
            return Err(Error::Invalid(format!("the name of a signal has at most {LONGEST_NAME} bytes")));
        }
        let run = find(&*self.store, id).await?;
        let told = self.runner.signal(id, signal).await?;
        reached(&run, told)
    }

    /// Lets a parked run go on at the step that failed, by its own definition or the current one.
    ///
    /// # Errors
    /// It is not parked, or cannot go on.
    pub async fn redrive(&self, id: &str, version: Version) -> Result<(), Error> {
        let run = find(&*self.store, id).await?;
        Ok(self.runner.redrive(run, version).await?)
    }

    /// Runs a run again that is over or parked, all of it or a part.
    ///
    /// # Errors
    /// It is under way, or cannot be run again so.
    pub async fn rerun(&self, id: &str, again: Again) -> Result<Rerun, Error> {
        let run = find(&*self.store, id).await?;
        let parked = run.status == Status::Parked;
        let portion = again.portion()?;
        let rerun = self.runner.rerun(run, portion, again.definition).await?;
        Ok(Rerun::of(id, parked, rerun))
    }

    /// Redrives the parked runs of a selection, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn redrive_all(&self, selection: &Selection) -> Result<Redriven, Error> {
        let (runs, more) = selection.select(&*self.store, Timestamp::now()).await?;
        let pause = selection.rate.map(|rate| Duration::from_secs(1) / rate.get());
        let mut redriven = Redriven { dry_run: selection.dry_run, more, ..Redriven::default() };
        for run in runs {
            let id = run.public_id.clone();
            redriven.last = Some(id.clone());
            let done = match selection.dry_run {
                true => self.runner.could_redrive(run, selection.definition).await,
                false => self.runner.redrive(run, selection.definition).await,
            };
            match done {
                Ok(()) => redriven.runs.push(id),
                Err(RedriveError::Store(error)) => return Err(error.into()),
                Err(RedriveError::Full) => {
                    redriven.full = true;
                    redriven.more = true;
                    break;
                }
                Err(why) => redriven.skipped.push(Skipped { id, why: why.to_string() }),
            }
            if let Some(pause) = pause.filter(|_| !selection.dry_run) {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(redriven)
    }

    /// Gives a parked run up: it has failed for good.
    ///
    /// # Errors
    /// It is not parked.
    pub async fn drop_parked(&self, id: &str) -> Result<(), Error> {
        let run = find(&*self.store, id).await?;
        Ok(self.runner.drop_parked(run).await?)
    }
}

/// Runs of a store, the newest first.
///
/// # Errors
/// The store cannot be read, or `before` is no run.
pub async fn list(store: &dyn Store, listing: Listing) -> Result<Vec<Summary>, Error> {
    Ok(runs(store, listing).await?.iter().map(Summary::of).collect())
}

async fn runs(store: &dyn Store, listing: Listing) -> Result<Vec<Run>, Error> {
    let before = match &listing.before {
        Some(id) => Some(find(store, id).await?.id),
        None => None,
    };
    let limit = listing.limit.clamp(1, MOST);
    let filter = Filter { status: listing.status, pathway: listing.pathway, before, limit };
    Ok(store.runs(filter).await?)
}

/// The run with this public id.
///
/// # Errors
/// There is none.
pub async fn find(store: &dyn Store, id: &str) -> Result<Run, Error> {
    store.run(id).await?.ok_or(Error::Unknown)
}

fn reached(run: &Run, told: bool) -> Result<(), Error> {
    let why = match run.status {
        _ if told => return Ok(()),
        Status::Parked => "the run is parked: redrive it, or drop it",
        Status::Ready | Status::Succeeded | Status::Failed | Status::Cancelled => "the run has ended",
    };
    Err(Error::Refused(why.to_owned()))
}
