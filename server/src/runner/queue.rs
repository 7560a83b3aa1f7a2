//! How many runs of each pathway wait to begin: for their lane, or for slots.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pathway_engine::compile::Program;

/// Runs that were admitted and have not begun. Those that are called by others are not counted:
/// what called them has begun.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: HashMap<Arc<str>, AtomicUsize>,
}

impl Queue {
    /// Of the pathways of `program`; others are not counted.
    pub(super) fn new(program: &Program) -> Self {
        Self { waiting: program.pathways.keys().map(|name| (name.clone(), AtomicUsize::new(0))).collect() }
    }

    /// A run of `pathway` was admitted.
    pub(super) fn enter(&self, pathway: &str) {
        if let Some(waiting) = self.waiting.get(pathway) {
            waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One has begun, or never will.
    pub(super) fn leave(&self, pathway: &str) {
        if let Some(waiting) = self.waiting.get(pathway) {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many wait.
    pub(super) fn len(&self, pathway: &str) -> usize {
        self.waiting.get(pathway).map_or(0, |waiting| waiting.load(Ordering::Relaxed))
    }
}
