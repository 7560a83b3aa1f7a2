//! A run is what its journal says: its outcome is that which the engine comes to again.

use pathway_engine::journal::Outcome;
use pathway_server::store::Status;

use super::facts::Known;
use super::fold::Fold;
use super::takeups::is_given_up;
use super::{Kept, broken};

/// See above.
pub(crate) fn is_as_its_journal_says(run: &Known, fold: &Fold) -> Kept {
    if run.ended_at_once || run.was_dropped {
        return Ok(());
    }
    let stored = run.outcome.as_deref().map(|bytes| serde_json::from_slice::<Outcome>(bytes).unwrap());
    let folded = fold.outcome.clone().map(|outcome| match outcome {
        Ok(value) => Outcome::Answer(value),
        Err(failure) => Outcome::Failure(failure),
    });
    let is_over = run.status != Status::Ready;
    if is_over && folded.is_none() && is_given_up(run) {
        return Ok(());
    }
    if is_over == folded.is_some() && (!is_over || stored == folded) {
        return Ok(());
    }
    let why = format!("{} is {} with {stored:?}, and its journal says {folded:?}", run.public_id, run.status);
    broken("a run is what its journal says", why, [run.public_id.clone()])
}
