//! What a run needs slots of: the server's, its pathway's, and those of its key.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind};
use pathway_engine::limits::{Limit, Limits};

use crate::facts::Facts;

/// The limits of a run of `plan` with that journal.
pub(super) fn of(plan: &Plan, events: &[Event]) -> Limits {
    let key = key(plan, events).map(|key| Limit::Key(plan.name.clone(), key));
    [Limit::Server, Limit::Pathway(plan.name.clone())].into_iter().chain(key).into()
}

/// The key by which runs of the pathway have slots, computed as that of a lane is: from how the run
/// began, so that it is the same whenever the run is taken up. What is refused has none.
fn key(plan: &Plan, events: &[Event]) -> Option<Arc<str>> {
    let per = plan.max_runs.per.as_ref()?;
    let Event { at, kind: Kind::Started(started) } = events.first()? else { return None };
    if started.refused.is_some() {
        return None;
    }
    let facts = Facts { input: &started.input, principal: started.principal.as_ref(), now: *at };
    facts.text(&per.key).ok().flatten().map(Arc::from)
}
