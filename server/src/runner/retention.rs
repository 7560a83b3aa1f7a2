//! Forgetting what is over and old.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use crate::store::{Prune, Pruned};

/// How often the store is cleared.
const EVERY: Duration = Duration::from_secs(300);

impl Inner {
    /// Clears the store now and then, until the runner stops.
    pub(super) async fn forget(self: Arc<Self>) {
        loop {
            let now = self.clock.millis();
            let before = now.saturating_sub(millis(self.project.keep));
            let old = Prune { runs_before: before, records_before: before, claims_before: now };
            match self.store.prune(old).await {
                Ok(pruned) if pruned == Pruned::default() => {}
                Ok(Pruned { runs, records, claims }) => {
                    tracing::debug!(runs, records, claims, "forgotten");
                }
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
