//! Plans of earlier definitions, which runs began with that are not over: made once for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pathway_engine::compile::Plan;

/// Plans that are kept; when there are more, all are made anew.
const PLANS: usize = 256;

/// A pathway, and the digest of a definition.
type Key = (String, String);

/// See above.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    plans: Mutex<HashMap<Key, Arc<Plan>>>,
}

impl Earlier {
    fn plans(&self) -> MutexGuard<'_, HashMap<Key, Arc<Plan>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, pathway: &str, digest: &str) -> Option<Arc<Plan>> {
        self.plans().get(&(pathway.to_owned(), digest.to_owned())).cloned()
    }

    pub(super) fn keep(&self, pathway: &str, digest: &str, plan: &Arc<Plan>) {
        let mut plans = self.plans();
        if plans.len() >= PLANS {
            plans.clear();
        }
        plans.insert((pathway.to_owned(), digest.to_owned()), plan.clone());
    }
}
