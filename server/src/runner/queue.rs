//! How many runs of each pathway wait to begin: for their lane, or for slots.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pathway_engine::compile::Program;
use tokio::sync::Notify;

/// Runs that were admitted and have not begun. Those that are called by others are not counted:
/// what called them has begun.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: HashMap<Arc<str>, Arc<AtomicUsize>>,
    /// How many are many.
    many: HashMap<Arc<str>, usize>,
    /// Told when many wait.
    strained: Arc<Notify>,
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
        let plans = || program.pathways.iter();
        Self {
            waiting: plans().map(|(name, _)| (name.clone(), Arc::default())).collect(),
            many: plans().map(|(name, plan)| (name.clone(), plan.max_queue.div_ceil(2) as usize)).collect(),
            strained,
        }
    }

    /// A run of `pathway` was admitted.
    pub(super) fn enter(&self, pathway: &str) -> Option<Queued> {
        let waiting = self.waiting.get(pathway)?;
        let count = waiting.fetch_add(1, Ordering::Relaxed) + 1;
        if self.many.get(pathway) == Some(&count) {
            self.strained.notify_one();
        }
        Some(Queued(waiting.clone()))
    }

    /// How many wait.
    pub(super) fn len(&self, pathway: &str) -> usize {
        self.waiting.get(pathway).map_or(0, |waiting| waiting.load(Ordering::Relaxed))
    }

    /// Those of which many wait.
    pub(super) fn long(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        let all = self.waiting.keys().map(|name| (name, self.len(name)));
        all.filter(|(name, count)| self.many.get(*name).is_some_and(|many| count >= many))
    }
}
