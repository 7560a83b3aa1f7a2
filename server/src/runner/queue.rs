//! How many runs of each pathway wait to begin: for their lane, or for slots.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use pathway_engine::compile::Program;
use tokio::sync::Notify;

/// Runs that were admitted and have not begun. Those that are called by others are not counted:
/// what called them has begun.
#[derive(Debug)]
pub(super) struct Queue {
    known: RwLock<HashMap<Arc<str>, Known>>,
    /// Told when many wait.
    strained: Arc<Notify>,
}

/// A pathway.
#[derive(Debug)]
struct Known {
    waiting: Arc<AtomicUsize>,
    /// How many are many.
    many: usize,
}

/// A run that waits; dropped when it has begun, or never will.
#[derive(Debug)]
pub(super) struct Queued(Arc<AtomicUsize>);

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// Of the pathways of `program`; others are not counted.
    pub(super) fn new(program: &Program, strained: Arc<Notify>) -> Self {
        let queue = Self { known: RwLock::default(), strained };
        queue.swap(program);
        queue
    }

    /// Counts those of the pathways of `program` from now on.
    pub(super) fn swap(&self, program: &Program) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let next = program.pathways.iter().map(|(name, plan)| {
            let waiting = known.get(name).map(|known| known.waiting.clone()).unwrap_or_default();
            (name.clone(), Known { waiting, many: plan.max_queue.div_ceil(2) as usize })
        });
        *known = next.collect();
    }

    fn known(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run of `pathway` was admitted.
    pub(super) fn enter(&self, pathway: &str) -> Option<Queued> {
        let known = self.known();
        let Known { waiting, many } = known.get(pathway)?;
        let count = waiting.fetch_add(1, Ordering::Relaxed) + 1;
        if *many == count {
            self.strained.notify_one();
        }
        Some(Queued(waiting.clone()))
    }

    /// How many wait.
    pub(super) fn len(&self, pathway: &str) -> usize {
        self.known().get(pathway).map_or(0, |known| known.waiting.load(Ordering::Relaxed))
    }

    /// Those of which many wait.
    pub(super) fn long(&self) -> Vec<(Arc<str>, usize)> {
        let known = self.known();
        let all = known.iter().map(|(name, known)| (name, known.waiting.load(Ordering::Relaxed), known.many));
        all.filter(|(_, count, many)| count >= many).map(|(name, count, _)| (name.clone(), count)).collect()
    }
}
