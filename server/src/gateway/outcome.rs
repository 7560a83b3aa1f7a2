//! What became of a run, read from the store.

use pathway_engine::Value;
use pathway_engine::journal::Outcome;
use pathway_engine::vm::{Class, Failure};

use crate::store::{Run, Status};

/// How a run ended; none while it goes on. A parked run has answered.
pub(crate) fn of(run: &Run) -> Option<Result<Value, Failure>> {
    if run.status == Status::Ready {
        return None;
    }
    let stored = run.outcome.as_deref().map(serde_json::from_slice::<Outcome>);
    Some(match (stored, run.status) {
        (Some(Ok(Outcome::Answer(value))), _) => Ok(value),
        (Some(Ok(Outcome::Failure(failure))), _) => Err(failure),
        (None, Status::Succeeded) => Ok(Value::from(())),
        (None, Status::Cancelled) => Err(Failure::new(Class::Cancelled, "the run was called off")),
        (None | Some(Err(_)), _) => Err(Failure::new(Class::Bug, "the outcome of the run cannot be read")),
    })
}
