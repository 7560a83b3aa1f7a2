//! Runs that are taken up after a crash: each is counted before it does anything, so that one which
//! ends the process again and again is left alone at last.
//!
//! Where whoever had them before ended as it was asked to nothing is counted. Nor are runs that wait for
//! their turn, and those that have come to wait for something outside, until it comes. Progress,
//! which is any event, makes the count begin anew.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use pathway_engine::vm::{Class, Effect, Failure};
use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use crate::store::{RunId, Store, StoreError};

/// How often a run is taken up without any progress.
const MOST: u32 = 5;
/// Runs that are counted in one change of the store.
const BATCH: usize = 500;
/// Code of the failure of a run that was taken up too often.
const CODE: &str = "crash_loop";

/// What is told of a run.
enum Told {
    /// It is taken up: how often was it?
    Begins(RunId, oneshot::Sender<Result<u32, StoreError>>),
    /// It waits for something outside, so that it did not count.
    Rests(RunId),
}

/// Counts runs that are taken up, those together that begin together.
#[derive(Debug, Clone)]
pub(super) struct Takeups(mpsc::Sender<Told>);

impl Takeups {
    /// In a store, which is not held open by it; ends when it is dropped.
    pub(super) fn new(store: &Arc<dyn Store>) -> Self {
        let (sender, told) = mpsc::channel(BATCH);
        tokio::spawn(count(Arc::downgrade(store), told));
        Self(sender)
    }

    /// How often a run was taken up, this time among them.
    async fn begins(&self, run: RunId) -> Result<u32, StoreError> {
        let gone = || StoreError::Stopped("nobody counts runs any more".into());
        let (answer, counted) = oneshot::channel();
        self.0.send(Told::Begins(run, answer)).await.map_err(|_gone| gone())?;
        counted.await.map_err(|_gone| gone())?
    }

    async fn rests(&self, run: RunId) {
        // Where nobody counts any more it does not matter.
        let _gone = self.0.send(Told::Rests(run)).await;
    }
}

async fn count(store: Weak<dyn Store>, mut told: mpsc::Receiver<Told>) {
    let mut batch = Vec::with_capacity(BATCH);
    while told.recv_many(&mut batch, BATCH).await > 0 {
        let Some(store) = store.upgrade() else { return };
        let (mut begin, mut rest) = (Vec::new(), Vec::new());
        for told in batch.drain(..) {
            match told {
                Told::Begins(run, answer) => begin.push((run, answer)),
                Told::Rests(run) => rest.push(run),
            }
        }
        // What rests was counted before; what it does next is counted after.
        if !rest.is_empty()
            && let Err(error) = store.put_down(rest).await
        {
            tracing::warn!(%error, "runs that only wait count as if they had been at work");
        }
        if begin.is_empty() {
            continue;
        }
        let counted = store.take_up(begin.iter().map(|(run, _)| *run).collect()).await;
        let counted = counted.map(|counted| counted.into_iter().collect::<HashMap<_, _>>());
        for (run, answer) in begin {
            let times = counted.as_ref().map(|counted| counted.get(&run).copied().unwrap_or(0));
            // Who was stopped meanwhile does not want to know.
            drop(answer.send(times.map_err(Clone::clone)));
        }
    }
}

impl Actor {
    /// Counts that the run is taken up, if it is and that was not counted yet; tells whether it has
    /// ended the process too often.
    pub(super) async fn is_looping(&mut self) -> Result<bool, StoreError> {
        match std::mem::take(&mut self.run.is_suspect) {
            true => Ok(self.inner.takeups.begins(self.run.id).await? > MOST),
            false => Ok(false),
        }
    }

    /// Whether something is done for the run as soon as it is taken up. What its journal tells was done
    /// before, and ended no process.
    pub(super) fn is_at_work(&self) -> bool {
        self.is_new() || !self.vm.is_suspended()
    }

    /// It was taken up, and now waits for something outside, if it does: it counts when that comes.
    pub(super) async fn rest(&mut self) {
        if std::mem::take(&mut self.takes_up) && self.is_new() && self.vm.is_suspended() {
            self.inner.takeups.rests(self.run.id).await;
            self.run.is_suspect = true;
        }
    }

    /// Why a run that has ended the process too often is parked.
    pub(super) fn crash_loop(&self) -> Failure {
        let message = format!(
            "the process ended {MOST} times in a row while this run was at work; \
             mend what ends it, such as too little memory, and redrive the run"
        );
        let step = self.vm.in_flight().iter().find_map(|unfinished| match &unfinished.effect {
            Effect::Timer { .. } => None,
            effect => effect.instance().map(ToString::to_string),
        });
        Failure { code: Some(CODE.to_owned()), step, ..Failure::new(Class::Bug, message) }
    }
}
