//! Forgetting what is over and old.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use crate::store::Prune;

/// How often the store is cleared.
const EVERY: Duration = Duration::from_secs(300);

impl Inner {
    /// Clears the store now and then, until the runner stops.
    pub(super) async fn forget(self: Arc<Self>) {
        loop {
            let before = self.clock.millis().saturating_sub(millis(self.project.keep));
            match self.store.prune(Prune { runs_before: before, records_before: before }).await {
                Ok(pruned) if pruned.runs + pruned.records > 0 => {
                    tracing::debug!(runs = pruned.runs, records = pruned.records, "forgotten");
                }
                Ok(_) => {}
                Err(error) => return self.fatal(&error.to_string()),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
