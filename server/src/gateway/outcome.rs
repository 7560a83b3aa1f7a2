//! What became of a run, as the store has it.

use pathway_engine::Value;
use pathway_engine::journal::Outcome;
use pathway_engine::vm::{Class, Failure};

use crate::store::{Ended, Run, Status};

/// How a run ended; none while it goes on. A parked run has answered.
pub(crate) fn of(run: &Run) -> Option<Result<Value, Failure>> {
    (run.status != Status::Ready).then(|| read(run.status, run.outcome.as_deref()))
}

/// How a run ended, as it was told.
pub(super) fn told(ended: &Ended) -> Result<Value, Failure> {
    read(ended.status, ended.outcome.as_deref())
}

fn read(status: Status, outcome: Option<&[u8]>) -> Result<Value, Failure> {
    match (outcome.map(serde_json::from_slice::<Outcome>), status) {
        (Some(Ok(Outcome::Answer(value))), _) => Ok(value),
        (Some(Ok(Outcome::Failure(failure))), _) => Err(failure),
        (None, Status::Succeeded) => Ok(Value::from(())),
        (None, Status::Cancelled) => Err(Failure::new(Class::Cancelled, "the run was called off")),
        (None | Some(Err(_)), _) => Err(Failure::new(Class::Bug, "the outcome of the run cannot be read")),
    }
}
