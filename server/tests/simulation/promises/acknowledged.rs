//! What was committed is there as long as the run is.

use pathway_server::store::Run;

use super::facts::Facts;
use super::{Kept, broken};

/// A run has all that it ever had.
pub(crate) fn is_there(facts: &Facts, run: &Run, events: usize) -> Kept {
    let Some(known) = facts.run(run.id) else { return Ok(()) };
    if known.events.len() == events && known.status == run.status {
        return Ok(());
    }
    let why = format!(
        "{} had {} events and was {}, and now has {events} and is {}",
        run.public_id,
        known.events.len(),
        known.status,
        run.status
    );
    broken("what was acknowledged survives", why, [run.public_id.clone()])
}
