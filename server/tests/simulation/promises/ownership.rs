//! Who may write: whoever took a partition's runs over last, and nobody else.

use pathway_server::store::{Epoch, Home, Tenure};

use super::facts::{Facts, Known};
use super::{Kept, broken};

/// Epochs rise.
pub(crate) fn rises(facts: &Facts, home: &Home, epoch: Epoch) -> Kept {
    match facts.owners.get(home) {
        Some((before, who)) if *before >= epoch => {
            let why = format!("{home} was {who}'s since {before}, and then somebody's since {epoch}");
            broken("epochs rise", why, [home.topic.clone()])
        }
        _ => Ok(()),
    }
}

/// A change is made by the owner, where several processes could make it.
pub(crate) fn is_proven(facts: &Facts, who: &str, proof: Option<&Tenure>, topic: &str) -> Kept {
    if !facts.is_shared {
        return Ok(());
    }
    let promise = "only the owner writes";
    let Some(Tenure { home, epoch }) = proof else {
        return broken(promise, format!("{who} proved nothing"), [topic]);
    };
    match facts.owners.get(home) {
        Some((now, owner)) if now == epoch && owner == who => Ok(()),
        other => {
            let why = format!("{who} wrote for {home} with epoch {epoch}, and it was {other:?}");
            broken(promise, why, [who, &*home.topic])
        }
    }
}

/// … of the run.
pub(crate) fn is_of_the_run(run: &Known, proof: Option<&Tenure>) -> Kept {
    match proof.filter(|proof| proof.home != run.home) {
        None => Ok(()),
        Some(proof) => {
            let why = format!(
                "{} belongs to {}, and was written by the owner of {}",
                run.public_id, run.home, proof.home
            );
            broken("only the owner writes", why, [run.public_id.clone()])
        }
    }
}

/// Whether a run is a process's.
pub(crate) fn is_owner(facts: &Facts, who: &str, run: &str) -> bool {
    let Some(run) = facts.called(run) else { return false };
    !facts.is_shared || facts.owners.get(&run.home).is_some_and(|(_, owner)| owner == who)
}
