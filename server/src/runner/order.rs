//! What runs are told from outside: it is kept in the store until the run has received it, so that
//! it reaches a run wherever that is worked on, and also one that has not begun yet.

use std::sync::Arc;

use pathway_engine::journal::Signal;
use pathway_engine::vm::Failure;
use serde::{Deserialize, Serialize};

use super::rerun::Repeat;
use super::{Inner, Runner, Version};
use crate::store::{Conflict, NewMessage, Run, Status, StoreError};

/// What a run is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// It is called off.
    Cancel(Failure),
    /// A signal.
    Signal(Signal),
    /// It is parked, and is to go on.
    Redrive(Version),
    /// It is parked, and is given up.
    Drop,
    /// It is over or parked, and is to be run again.
    Rerun(Repeat),
}

/// Why nothing was left for a run.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Others share the store, and it is nobody's.
    #[error("the run belongs to no partition, on which nobody works: send its input anew")]
    Nobody,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runner {
    /// Calls a run off, wherever it is worked on; false where it is over or parked. Ready when it is
    /// durable that it will be told.
    ///
    /// # Errors
    /// It is nobody's, or the store cannot be read or written.
    pub async fn cancel(&self, run: &str, reason: Failure) -> Result<bool, OrderError> {
        if let Some(known) = self.inner.store.run(run).await? {
            return self.inner.order(&known, Status::Ready, &Order::Cancel(reason)).await;
        }
        // A run without a journal.
        Ok(self.inner.dismiss(run, reason).await)
    }

    /// Sends a signal to a run, wherever it is worked on; false where it is over or parked. Ready when
    /// it is durable that it will get it.
    ///
    /// # Errors
    /// It is nobody's, or the store cannot be read or written.
    pub async fn signal(&self, run: &str, signal: Signal) -> Result<bool, OrderError> {
        match self.inner.store.run(run).await? {
            Some(run) => self.inner.order(&run, Status::Ready, &Order::Signal(signal)).await,
            None => Ok(false),
        }
    }
}

impl Inner {
    /// Leaves an order for a run that has this status; false where it has another.
    pub(super) async fn order(&self, run: &Run, status: Status, order: &Order) -> Result<bool, OrderError> {
        if run.status != status {
            return Ok(false);
        }
        // It began when the store was of one process alone.
        if self.store.is_shared() && run.home.is_none() {
            return Err(OrderError::Nobody);
        }
        Ok(self.leave_for(run, order).await?)
    }

    /// Leaves an order for a run; false where it can take it no more.
    pub(super) async fn leave_for(&self, run: &Run, order: &Order) -> Result<bool, StoreError> {
        let payload = serde_json::to_vec(order).map_err(|error| StoreError::Refused(Arc::new(error)))?;
        let even_if_finished = matches!(order, Order::Rerun(_));
        match self
            .store
            .post(NewMessage { run: run.id, at: self.clock.millis(), even_if_finished, payload })
            .await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(Conflict::Finished(_) | Conflict::UnknownRun(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
