//! Forgetting what is over and old.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::document::Keep;

use super::{Inner, Loaded};
use crate::store::{Cutoff, Cutoffs, Millis, Prune, Pruned};

/// How often the store is cleared.
const EVERY: Duration = Duration::from_secs(300);

impl Inner {
    /// Clears the store now and then, until the runner stops.
    pub(super) async fn forget(self: Arc<Self>) {
        loop {
            let now = self.clock.millis();
            let current = self.current();
            let old = Prune {
                runs_before: cutoffs(&current.loaded, now),
                records_before: before(now, Some(current.loaded.project.keep.records)),
                claims_before: now,
            };
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

/// What is past now: by what pathways and the project say now, whenever a run has ended.
fn cutoffs(loaded: &Loaded, now: Millis) -> Cutoffs {
    let usual = loaded.project.keep.runs;
    let own = loaded.program.pathways.values().filter(|plan| plan.keep != usual);
    Cutoffs {
        usual: cutoff(now, usual),
        own: own.map(|plan| (plan.name.to_string(), cutoff(now, plan.keep))).collect(),
    }
}

fn cutoff(now: Millis, keep: Keep) -> Cutoff {
    Cutoff {
        succeeded: before(now, keep.succeeded),
        failed: before(now, keep.failed),
        cancelled: before(now, keep.cancelled),
    }
}

/// None: nothing is past.
fn before(now: Millis, keep: Option<Duration>) -> Millis {
    let keep = keep.and_then(|keep| Millis::try_from(keep.as_millis()).ok());
    keep.map_or(Millis::MIN, |keep| now.saturating_sub(keep))
}
