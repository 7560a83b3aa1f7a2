//! What is done once for a key: one has the claim at a time, and one does it.

use std::collections::BTreeMap;

use pathway_engine::journal::{Kind, Outcome};
use pathway_server::store::{Append, Appended, Claim, RunId, Status, Taken};

use super::facts::Facts;
use super::{Kept, broken};

/// The pathway, and the step, that does something once for each customer.
const ONCE: (&str, &str) = ("bill", "paid");

/// Who has what.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<Claim, Standing>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    HeldBy(RunId),
    DoneBy(RunId),
}

impl Claims {
    /// The claims that a change gives back, or that are done with it.
    pub(crate) fn given_back(&self, change: &Append) -> Vec<Claim> {
        let is_over = change.status.as_ref().is_some_and(|change| change.status != Status::Ready);
        let held = self.0.iter().filter(|(_, standing)| **standing == Standing::HeldBy(change.run));
        let held = held.map(|(claim, _)| claim.clone()).filter(|_| is_over);
        change.released.iter().map(|release| release.claim.clone()).chain(held).collect()
    }

    /// A run has gone on.
    pub(crate) fn appended(&mut self, change: &Append, appended: &Appended) -> Kept {
        let given_back = self.given_back(change);
        for claim in given_back {
            self.0.remove(&claim);
        }
        for release in change.released.iter().filter(|release| release.done_until.is_some()) {
            self.0.insert(release.claim.clone(), Standing::DoneBy(change.run));
        }
        for (take, taken) in change.taken.iter().zip(&appended.taken) {
            if *taken != Taken::Granted {
                continue;
            }
            let own = [Standing::HeldBy(change.run), Standing::DoneBy(change.run)];
            let before = self.0.insert(take.claim.clone(), Standing::HeldBy(change.run));
            if let Some(before) = before.filter(|before| !own.contains(before)) {
                let why = format!("{:?} was {before:?}, and {} got it", take.claim, change.run);
                return broken("one has a claim at a time", why, [take.claim.key.clone()]);
            }
        }
        Ok(())
    }
}

/// Of all runs with a key, one does it.
pub(crate) fn are_done_once(facts: &Facts) -> Kept {
    let (pathway, step) = ONCE;
    let mut done: BTreeMap<String, &str> = BTreeMap::new();
    for run in facts.runs().filter(|run| run.pathway == pathway) {
        let has_done = run.events.iter().any(|event| match &event.kind {
            Kind::Performed(performed) => {
                *performed.instance == *step && matches!(performed.outcome, Outcome::Answer(_))
            }
            _ => false,
        });
        let Kind::Started(started) = &run.events[0].kind else { continue };
        let key = started.input.get_attr("customer").map(|key| key.to_string()).unwrap_or_default();
        if let Some(other) = has_done.then(|| done.insert(key.clone(), &run.public_id)).flatten() {
            let why = format!("{other} and {} did what is done once for {key}", run.public_id);
            return broken("of all runs with a key one does it", why, [other, &run.public_id]);
        }
    }
    Ok(())
}
