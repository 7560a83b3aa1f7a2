//! A store that says that it has committed what a crash takes from it: it keeps all changes, and after
//! a crash it makes all of them again but for the last.

use std::sync::Mutex;

use pathway_server::store::MemoryStore;

use crate::world::lock;

type Change = Box<dyn Fn(&MemoryStore) + Send>;

/// See above.
#[derive(Default)]
pub(super) struct Forgetful(Mutex<Vec<Change>>);

impl std::fmt::Debug for Forgetful {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Forgetful").finish_non_exhaustive()
    }
}

impl Forgetful {
    pub(super) fn keep(&self, change: impl Fn(&MemoryStore) + Send + 'static) {
        lock(&self.0).push(Box::new(change));
    }

    /// Makes all changes again but for the last ones.
    pub(super) fn play_again(&self, memory: &MemoryStore, forgotten: usize) {
        let mut changes = lock(&self.0);
        let kept = changes.len().saturating_sub(forgotten);
        changes.truncate(kept);
        for change in changes.iter() {
            change(memory);
        }
    }
}
