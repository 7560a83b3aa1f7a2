//! What is asked of runs that are not under way, from another process: it is done by whoever works on
//! them. What can be known beforehand was looked at when it was asked for, so that little is refused
//! here.

use std::sync::Arc;

use super::order::Order;
use super::{Inner, RedriveError, RerunError, Runner};
use crate::store::{Message, StoreError};

/// What became of an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// It is done, or never will be: its message is of no use any more.
    Over,
    /// It is done, and its message is gone with it.
    Gone,
    /// It is left to whoever works on the run now.
    Left,
    /// It waits until others that operators let go on are over.
    Waits,
}

impl Inner {
    /// Does what is asked of a run that is over or parked.
    pub(super) async fn run_errand(
        self: &Arc<Self>,
        message: &Message,
        order: Order,
    ) -> Result<Errand, StoreError> {
        let public_id = &message.public_id;
        let Some(run) = self.store.run(public_id).await? else { return Ok(Errand::Over) };
        let runner = Runner { inner: self.clone() };
        let done = match order {
            Order::Redrive(version) => runner.redrive_here(run, version).await,
            Order::Drop => runner.drop_here(run).await,
            Order::Rerun(repeat) => match runner.rerun_here(run, &repeat, Some(message.id)).await {
                None => return Ok(Errand::Left),
                Some(Ok(_)) => return Ok(Errand::Gone),
                Some(Err(RerunError::Full)) => return Ok(self.errand_waits()),
                Some(Err(RerunError::Store(error))) => return Err(error),
                Some(Err(why)) => {
                    tracing::warn!(run = public_id, %why, "it was asked to run again, and was not");
                    return Ok(Errand::Over);
                }
            },
            // A run has to be told of these.
            Order::Cancel(_) | Order::Signal(_) => return Ok(Errand::Over),
        };
        match done {
            None => Ok(Errand::Left),
            Some(Err(RedriveError::Full)) => Ok(self.errand_waits()),
            Some(Err(RedriveError::Store(error))) => Err(error),
            Some(Err(why)) => {
                tracing::warn!(run = public_id, %why, "it was asked to go on, or to be given up, and was not");
                Ok(Errand::Over)
            }
            Some(Ok(())) => Ok(Errand::Over),
        }
    }

    /// Has the inbox read again when there is room for one more run that operators let go on.
    fn errand_waits(self: &Arc<Self>) -> Errand {
        if self.inbox.begin_to_wait() {
            let inner = self.clone();
            self.tasks.spawn(async move {
                let room = inner.stop.run_until_cancelled(inner.room.acquire()).await;
                drop(room);
                inner.inbox.has_waited();
            });
        }
        Errand::Waits
    }
}
