//! What a block or step has done that can be undone.
//!
//! A step that finishes leaves a mark in the trail of its frame. Trails go outwards: of a block
//! that is over to the step it belongs to, of a step that is over to its frame. A scope that fails
//! is undone by its trail, see [`super::undo`].

use std::sync::Arc;

use super::arena::Key;
use super::state::{Frame, Undoing};
use super::{Compensation, Failure};
use crate::Value;
use crate::compile::BlockId;
use crate::expression::Slot;

/// An execution of a step that has finished and says what undoes it.
#[derive(Debug)]
pub(super) struct Done {
    /// Counts what finished in the run.
    pub(super) number: u64,
    pub(super) instance: String,
    /// What undoes it.
    pub(super) block: BlockId,
    /// What that reads of the places around it, as it was.
    pub(super) kept: Box<[(Slot, Value)]>,
}

/// A [`Done`] that is being undone: what the frame of its compensation belongs to.
#[derive(Debug)]
pub(super) struct Undoes {
    pub(super) done: Done,
    pub(super) undoing: Key<Undoing>,
    /// Why.
    pub(super) why: Arc<Failure>,
}

/// What is to be undone if the scope fails, and what came of earlier compensations in it.
#[derive(Debug, Default)]
pub(super) struct Trail(Option<Box<Marks>>);

#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) done: Vec<Done>,
    /// Compensations that run already, of scopes inside that were stopped meanwhile.
    pub(super) running: Vec<Key<Frame>>,
    pub(super) told: Compensation,
}

impl Trail {
    pub(super) fn of(marks: Marks) -> Self {
        Self(Some(Box::new(marks)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many are done.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |marks| marks.done.len())
    }

    pub(super) fn push(&mut self, done: Done) {
        self.marks().done.push(done);
    }

    pub(super) fn tell(&mut self, told: Compensation) {
        if !told.is_empty() {
            self.marks().told.absorb(told);
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        let Some(other) = other.0 else { return };
        match &mut self.0 {
            None => self.0 = Some(other),
            Some(marks) => {
                marks.done.extend(other.done);
                marks.running.extend(other.running);
                marks.told.absorb(other.told);
            }
        }
    }

    /// Forgets what was done after the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        if let Some(marks) = &mut self.0 {
            marks.done.truncate(count);
        }
    }

    /// Takes all but the first `count` that are done.
    pub(super) fn split_off(&mut self, count: usize) -> Self {
        let Some(mut marks) = self.0.take() else { return Self::default() };
        let rest = marks.done.split_off(count.min(marks.done.len()));
        let earlier = std::mem::replace(&mut marks.done, rest);
        if !earlier.is_empty() {
            self.marks().done = earlier;
        }
        Self(Some(marks))
    }

    pub(super) fn into_marks(self) -> Marks {
        self.0.map(|marks| *marks).unwrap_or_default()
    }

    fn marks(&mut self) -> &mut Marks {
        self.0.get_or_insert_default()
    }
}
