//! What became of records that were published together: one answer when all are settled.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::super::{BusError, Offset};

type Outcome = Result<Offset, BusError>;

/// Records that were published together.
#[derive(Debug)]
pub(super) struct Batch {
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    outcomes: Vec<Outcome>,
    told: Option<oneshot::Sender<Vec<Outcome>>>,
    /// Their place among the bytes under way.
    _permit: OwnedSemaphorePermit,
}

impl Batch {
    /// A batch, and its answer.
    pub(super) fn new(
        count: usize,
        permit: OwnedSemaphorePermit,
    ) -> (Arc<Self>, impl Future<Output = Vec<Outcome>> + Send + 'static) {
        let (told, answer) = oneshot::channel();
        let given_up = || Err(super::error::closed());
        let outcomes = std::iter::repeat_with(given_up).take(count).collect();
        let progress = Mutex::new(Progress { outcomes, told: Some(told), _permit: permit });
        (Arc::new(Self { progress }), async move { answer.await.unwrap_or_default() })
    }
}

/// Told when nobody can settle any more.
impl Drop for Batch {
    fn drop(&mut self) {
        let progress = self.progress.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = progress.told.take() {
            // Whoever published may have left.
            drop(told.send(std::mem::take(&mut progress.outcomes)));
        }
    }
}

/// One of the records.
#[derive(Debug)]
pub(super) struct Delivery {
    batch: Arc<Batch>,
    index: usize,
}

impl Delivery {
    pub(super) fn new(batch: Arc<Batch>, index: usize) -> Self {
        Self { batch, index }
    }

    /// Says what became of it.
    #[expect(clippy::boxed_local, reason = "the client hands boxes over")]
    pub(super) fn settle(self: Box<Self>, outcome: Outcome) {
        let mut progress = self.batch.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = progress.outcomes.get_mut(self.index) {
            *slot = outcome;
        }
    }
}
