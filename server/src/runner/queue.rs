//! How many runs of each pathway wait to begin: for their lane, or for slots.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pathway_engine::compile::Program;

/// Runs that were admitted and have not begun. Those that are called by others are not counted:
/// what called them has begun.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: HashMap<Arc<str>, Arc<AtomicUsize>>,
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
    pub(super) fn new(program: &Program) -> Self {
        Self { waiting: program.pathways.keys().map(|name| (name.clone(), Arc::default())).collect() }
    }

    /// A run of `pathway` was admitted.
    pub(super) fn enter(&self, pathway: &str) -> Option<Queued> {
        let waiting = self.waiting.get(pathway)?;
        waiting.fetch_add(1, Ordering::Relaxed);
        Some(Queued(waiting.clone()))
    }

    /// How many wait.
    pub(super) fn len(&self, pathway: &str) -> usize {
        self.waiting.get(pathway).map_or(0, |waiting| waiting.load(Ordering::Relaxed))
    }

    /// Those of which some wait.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        let all = self.waiting.iter().map(|(name, waiting)| (name, waiting.load(Ordering::Relaxed)));
        all.filter(|(_, count)| *count > 0)
    }
}
