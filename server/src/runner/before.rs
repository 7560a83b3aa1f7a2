//! How whoever had the runs before ended: as it was asked to, or in a crash, after which they are taken
//! up with care (see [`super::takeups`]).
//!
//! It is noted in the store that a process is at work, and noted again when it is no more: of the whole
//! store, or, where others share that, of each partition under its epoch. So the crash of one process
//! is one for the runs that it had, and a partition that is handed over is none.

use std::time::Duration;

use super::Inner;
use crate::store::{Proof, Store, StoreError};

/// How long a store may take to note that a process is at work no more. One that could not is taken for
/// one that crashed, which costs its runs one try.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the one before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// As it was asked to, or there was none.
    Ended,
    /// In a crash.
    Crashed,
}

impl Before {
    /// Notes that this process is at work, and tells how the one before ended.
    pub(super) async fn begin(store: &dyn Store, proof: Proof) -> Result<Self, StoreError> {
        let home = proof.as_ref().map(|tenure| tenure.home.to_string());
        if !store.set_at_work(proof, true).await? {
            return Ok(Self::Ended);
        }
        tracing::warn!(home, "the process before ended in a crash: what was under way is taken up with care");
        Ok(Self::Crashed)
    }
}

impl Inner {
    /// Notes that this process is at work no more, with all that it has.
    pub(super) async fn end_all_work(&self) {
        if !self.store.is_shared() {
            return self.end_work(None).await;
        }
        let left: Vec<Proof> = self.holdings.borrow().values().map(|holding| holding.proof()).collect();
        for proof in left {
            self.end_work(proof).await;
        }
    }

    /// Notes that this process is at work no more, with a partition or the whole store.
    pub(super) async fn end_work(&self, proof: Proof) {
        let noted = tokio::time::timeout(PATIENCE, self.store.set_at_work(proof, false)).await;
        let why = match noted {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_late) => "it took too long".to_owned(),
        };
        tracing::warn!(why, "that this process ends was not noted: the next one will take it for a crash");
    }
}
