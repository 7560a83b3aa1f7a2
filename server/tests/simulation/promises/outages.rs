//! What is away for a long while: attempts are used up until that is known, and then no more. So no run is
//! parked for it after that, however long it lasts.

use std::collections::BTreeMap;

use pathway_engine::journal::{Event, Kind, Outcome};
use pathway_server::store::Append;

use super::facts::Known;
use super::{Kept, broken};
use crate::network::IS_AWAY;

/// So many failures in a row open the circuit, the last of them without being an attempt. As many calls as
/// are made at once may have been answered before, and be heard of later.
const MOST: usize = 3 + 2;
/// Pathways whose calls are to be made once, or have passed on what arrived before.
const IMPATIENT: [&str; 2] = ["question", "talk"];

/// Attempts that were used up, by process and by how often that was answered before.
#[derive(Debug, Default)]
pub(crate) struct Outages(BTreeMap<String, usize>);

impl Outages {
    /// A run has gone on.
    pub(crate) fn appended(&mut self, run: &Known, change: &Append) -> Kept {
        if IMPATIENT.contains(&run.pathway.as_str()) {
            return Ok(());
        }
        for event in &change.events {
            let Kind::Performed(performed) = Event::decode(&event.payload).unwrap().kind else { continue };
            let Outcome::Failure(failure) = performed.outcome else { continue };
            let Some((_, outage)) = failure.message.split_once(IS_AWAY) else { continue };
            // Of a run that it called.
            if failure.step.is_some() {
                continue;
            }
            let used_up = self.0.entry(outage.to_owned()).or_default();
            *used_up += 1;
            if *used_up > MOST {
                let why = format!(
                    "{used_up} attempts failed, the last of {} of {}",
                    performed.instance, run.public_id
                );
                return broken("an outage uses up no attempts", why, [run.public_id.clone()]);
            }
        }
        Ok(())
    }
}
