//! What services see: the same key for the same, and nothing again that is finished.

use std::collections::BTreeMap;

use pathway_engine::journal::{Kind, Outcome};
use pathway_server::store::Epoch;
use sha2::{Digest, Sha256};

use super::facts::{Facts, Known};
use super::fold::Fold;
use super::ownership::is_owner;
use super::{Kept, broken};

/// The step that says that it begins again although it was heard.
const RESTARTED: &str = "again";

/// Calls that arrived, by key.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    made: BTreeMap<String, Vec<Call>>,
    /// How often each failed in a way that a circuit may make up for.
    excused: BTreeMap<String, usize>,
}

/// A call that arrived.
#[derive(Debug, Clone)]
struct Call {
    path: String,
    /// The process that made it, and since when it owned the run.
    by: (String, Option<Epoch>),
}

impl Calls {
    /// A call arrives: `who` made it.
    pub(crate) fn arrives(&mut self, facts: &Facts, who: &str, path: &str, key: &str) -> Kept {
        let before = self.made.entry(key.to_owned()).or_default();
        if let Some(other) = before.iter().find(|other| other.path != path) {
            let why = format!("{} and {path} came with the key {key}", other.path);
            return broken("different calls have different keys", why, [key.to_owned()]);
        }
        let Some(run) = run_of(path).and_then(|id| facts.called(id)) else {
            // A run without a journal.
            return Ok(());
        };
        let since = facts.owners.get(&run.home).filter(|(_, owner)| owner == who).map(|(epoch, _)| *epoch);
        before.push(Call { path: path.to_owned(), by: (who.to_owned(), since) });
        // One that was suspended does not know what has happened since.
        if !is_owner(facts, who, &run.public_id) {
            return Ok(());
        }
        let about = [run.public_id.clone(), key.to_owned()];
        if run.status != pathway_server::store::Status::Ready {
            let why = format!("{path} came when it was {}", run.status);
            return broken("nothing follows the end of a run", why, about);
        }
        let is_same = |heard: &&String| *heard != RESTARTED && key_of(&run.public_id, heard) == key;
        if let Some(heard) = run.heard.iter().find(is_same) {
            let why = format!("`{heard}` of {} was called after it was heard", run.public_id);
            return broken("what was passed on is not asked for again", why, about);
        }
        match has_finished(run, key) {
            Some(instance) => {
                let why = format!("`{instance}` of {} was called after it had finished", run.public_id);
                broken("a finished step does not run again", why, about)
            }
            None => Ok(()),
        }
    }

    /// A call failed that is made again without being an attempt, if its service is out.
    pub(crate) fn excuse(&mut self, key: &str) {
        *self.excused.entry(key.to_owned()).or_default() += 1;
    }

    /// All calls of a run were asked for by its steps, and none was made more often than it had to be.
    pub(crate) fn were_asked_for(&self, run: &Known, fold: &Fold) -> Kept {
        let mut known = BTreeMap::new();
        for (instance, attempts) in &fold.attempts {
            known.insert(key_of(&run.public_id, instance), (instance, *attempts as usize));
        }
        // What was cut off by a failure is asked for again when the run is redriven.
        let redrives = run.events.iter().filter(|event| matches!(event.kind, Kind::Redriven { .. })).count();
        let own = |calls: &&Vec<Call>| calls.iter().any(|call| run_of(&call.path) == Some(&run.public_id));
        for (key, calls) in self.made.iter().filter(|(_, calls)| own(calls)) {
            let about = [run.public_id.clone(), key.clone()];
            let Some((instance, attempts)) = known.get(key) else {
                let why =
                    format!("{} came with {key}, which is of no step of {}", calls[0].path, run.public_id);
                return broken("a call has the key of its step", why, about);
            };
            let mut by: BTreeMap<&(String, Option<Epoch>), usize> = BTreeMap::new();
            for call in calls {
                *by.entry(&call.by).or_default() += 1;
            }
            let most = by.values().copied().max().unwrap_or(0);
            let excused = self.excused.get(key).copied().unwrap_or_default();
            if most > *attempts + redrives + excused {
                let why = format!("`{instance}` was called {most} times in {attempts} attempts");
                return broken("a call is repeated only by attempts and after crashes", why, about);
            }
            if calls.len() > *attempts && fold.at_most_once.contains(instance) {
                let why = format!("`{instance}` was called {} times in {attempts} attempts", calls.len());
                return broken("what says at_most_once is called once at most", why, about);
            }
        }
        Ok(())
    }
}

/// The run that a path names.
pub(crate) fn run_of(path: &str) -> Option<&str> {
    path.trim_start_matches('/').split('/').next()
}

/// The key that calls of an instance have.
fn key_of(run: &str, instance: &str) -> String {
    let digest = Sha256::digest(format!("{run}/{instance}").as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The instance whose calls have this key, if it has finished.
fn has_finished(run: &Known, key: &str) -> Option<String> {
    let mut finished = Vec::new();
    for event in &run.events {
        match &event.kind {
            Kind::Redriven { .. } => finished.clear(),
            Kind::Performed(performed) if matches!(performed.outcome, Outcome::Answer(_)) => {
                finished.push(performed.instance.to_string());
            }
            _ => {}
        }
    }
    finished.into_iter().find(|instance| key_of(&run.public_id, instance) == key)
}
