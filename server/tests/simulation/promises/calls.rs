//! What services see: the same key for the same, and nothing again that is finished.

use std::collections::BTreeMap;

use pathway_engine::journal::{Kind, Outcome};
use sha2::{Digest, Sha256};

use super::facts::{Facts, Known};
use super::{Kept, broken};

/// Calls that arrived, by key.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<String, Vec<Call>>);

/// A call that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The process that made it.
    pub(crate) who: String,
    pub(crate) path: String,
}

impl Calls {
    /// A call arrives: `who` made it.
    pub(crate) fn arrives(&mut self, facts: &Facts, who: &str, path: &str, key: &str) -> Kept {
        let call = Call { who: who.to_owned(), path: path.to_owned() };
        let before = self.0.entry(key.to_owned()).or_default();
        if let Some(other) = before.iter().find(|other| other.path != path) {
            let why = format!("{} and {path} came with the key {key}", other.path);
            return broken("different calls have different keys", why, [key.to_owned()]);
        }
        before.push(call);
        let Some(run) = run_of(path).and_then(|id| facts.called(id)) else {
            return broken("only what was admitted calls", format!("{path} belongs to no run"), [path]);
        };
        let about = [run.public_id.clone(), key.to_owned()];
        if run.status.is_final() {
            return broken("nothing follows the end of a run", format!("{path} came after it"), about);
        }
        match has_finished(run, key) {
            Some(instance) => {
                let why = format!("`{instance}` of {} was called after it had finished", run.public_id);
                broken("a finished step does not run again", why, about)
            }
            None => Ok(()),
        }
    }
}

/// The run that a path names.
pub(crate) fn run_of(path: &str) -> Option<&str> {
    path.trim_start_matches('/').split('/').next()
}

/// The key that calls of an instance have.
pub(crate) fn key_of(run: &str, instance: &str) -> String {
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
