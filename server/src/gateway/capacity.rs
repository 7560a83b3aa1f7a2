//! Whether a request can be taken up: load is refused early rather than queued without bound.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use pathway_engine::compile::Plan;
use pathway_engine::vm::Class;

use super::{Parts, Problem};

/// What those who do the work tell of how busy they are.
pub trait Capacity: fmt::Debug + Send + Sync {
    /// Runs of `pathway` that were admitted and have not begun.
    fn queued(&self, pathway: &str) -> usize;

    /// How long calls of `service` will wait, at least, because its circuit is open; none: it is
    /// not.
    fn opens_after(&self, service: &str) -> Option<Duration>;
}

/// Refuses a request for `plan` that cannot be served soon. Where nobody waits for the outcome, a
/// run may well wait for a service.
pub(super) fn check(parts: &Parts, plan: &Plan, is_waited_for: bool) -> Result<(), Problem> {
    if let Err(why) = &*parts.bus.reach().borrow() {
        tracing::warn!(%why, "a request was refused: the bus is away");
        return Err(busy("the server cannot take requests at the moment; try again", None));
    }
    if parts.capacity.queued(&plan.name) >= plan.max_queue as usize {
        return Err(busy("too many requests are waiting already; try again later", None));
    }
    if !is_waited_for {
        return Ok(());
    }
    let waits = plan.required_services().filter_map(|service| parts.capacity.opens_after(service));
    match waits.max() {
        Some(wait) => Err(busy("a service that this needs is out of order; try again later", Some(wait))),
        None => Ok(()),
    }
}

fn busy(detail: &str, wait: Option<Duration>) -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Class::Outage, detail);
    match wait {
        // Never before it is worth it.
        Some(wait) => problem.header(RETRY_AFTER, (wait.as_secs() + 1).into()),
        None => problem,
    }
}
