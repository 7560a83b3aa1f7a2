//! A batch of changes as one transaction of two round trips: one asks for what has to be known, the
//! other writes and commits.

use tokio_postgres::Error;

use super::alone;
use super::change::{Change, Done, Job};
use super::channel::Channel;
use super::known::Known;
use super::mark::Mark;
use super::owner::Owner;
use super::plan::Plan;
use super::session::{Call, Session};
use crate::store::watch::Subject;
use crate::store::{Outlet, StoreError};

const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// What is answered, and whom to tell, once it is committed.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) answers: Vec<Result<Done, StoreError>>,
    pub(super) changed: Vec<Subject>,
}

/// A transaction whose commit was asked for, and not answered.
#[derive(Debug)]
pub(super) struct Doubt {
    /// By which its process knows it.
    pub(super) number: i64,
    pub(super) outcome: Outcome,
}

/// Why a batch was not committed, as far as is known.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was not.
    Before(Error),
    /// It may have been, if the connection was lost.
    Committing(Error, Doubt),
    /// What the store holds cannot be.
    Broken(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

/// Makes changes that go together, or one that is made alone.
pub(super) async fn commit(
    owner: &mut Owner,
    jobs: &[Job],
    outlet: Outlet,
    channel: Option<&Channel>,
) -> Result<Outcome, Failed> {
    let changes = || jobs.iter().map(|job| &job.change);
    owner.mark.number += 1;
    let Owner { session, mark, .. } = owner;
    match changes().next() {
        Some(change) if change.is_alone() => commit_alone(session, mark, change).await,
        _ => commit_all(session, mark, changes(), outlet, channel).await,
    }
}

async fn commit_all<'a>(
    session: &mut Session,
    mark: &Mark,
    changes: impl Iterator<Item = &'a Change> + Clone,
    outlet: Outlet,
    channel: Option<&Channel>,
) -> Result<Outcome, Failed> {
    let known = Known::load(session, changes.clone(), outlet).await?;
    let mut plan = Plan::new(known, outlet);
    let answers: Vec<_> = changes.map(|change| plan.add(change)).collect();
    if let Some(Err(broken)) = answers.iter().find(|answer| matches!(answer, Err(StoreError::Stopped(_)))) {
        return Err(Failed::Broken(broken.clone()));
    }
    let outcome = Outcome { answers, changed: std::mem::take(&mut plan.changed) };
    let told = channel.map(|channel| (channel, channel.told(&outcome.changed)));
    let mut calls = plan.calls();
    calls.extend(told.iter().filter(|(_, told)| !told.is_empty()).map(|(channel, told)| channel.tell(told)));
    calls.extend([mark.raise(), Call::plain(COMMIT)]);
    match session.pipeline(calls).await {
        Ok(_) => Ok(outcome),
        Err(error) => Err(Failed::Committing(error, Doubt { number: mark.number, outcome })),
    }
}

async fn commit_alone(session: &mut Session, mark: &Mark, change: &Change) -> Result<Outcome, Failed> {
    let done = alone::apply(session, change).await?;
    let outcome = Outcome { answers: vec![Ok(done)], changed: Vec::new() };
    match session.pipeline(vec![mark.raise(), Call::plain(COMMIT)]).await {
        Ok(_) => Ok(outcome),
        Err(error) => Err(Failed::Committing(error, Doubt { number: mark.number, outcome })),
    }
}

/// Ends a transaction that failed, so that another can begin.
pub(super) async fn roll_back(session: &Session) -> Result<(), Error> {
    session.client.batch_execute(ROLLBACK).await
}
