//! What a block or step has done that can be undone.
//!
//! A step that finishes leaves a mark in the trail of its frame. Trails go outwards: of a block
//! that is over to the step it belongs to, of a step that is over to its frame. A scope that fails
//! is undone by its trail, see [`super::undo`].
//!
//! What was claimed is in it too: it is not done any more once it is undone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::arena::Key;
use super::state::{Frame, Undoing};
use super::{Compensation, Failure, Instance, snapshot};
use crate::Value;
use crate::compile::BlockId;
use crate::expression::Slot;
use crate::value::exact;

/// An execution of a step that has finished and says what undoes it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    /// Counts what finished in the run.
    pub(super) number: u64,
    pub(super) instance: String,
    /// What undoes it.
    pub(super) block: BlockId,
    /// What that reads of the places around it, as it was.
    #[serde(with = "exact::pairs")]
    pub(super) kept: Box<[(Slot, Value)]>,
}

/// A [`Done`] that is being undone: what the frame of its compensation belongs to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Undoes {
    pub(super) done: Done,
    pub(super) undoing: Key<Undoing>,
    /// Why.
    #[serde(with = "snapshot::failure")]
    pub(super) why: Arc<Failure>,
}

/// An execution of a step that had a claim and is over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claimed {
    /// Counts what finished in the run.
    pub(super) number: u64,
    /// What asked for the claim.
    pub(super) instance: Instance,
    pub(super) step: Arc<str>,
    pub(super) key: Arc<str>,
    /// Whether it was given back as done; else it is the run's, until all is undone.
    pub(super) done: bool,
    /// Whether something was undone for which it stands.
    pub(super) undone: bool,
}

/// Claims by the execution of the step.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Claims(BTreeMap<Box<str>, Claimed>);

impl Claims {
    /// A compensation of `instance` is over: what was done in it, or around it, is so no more if that
    /// went well, and for good if it did not.
    pub(super) fn compensated(&mut self, instance: &str, is_undone: bool) {
        let is_end = |(at, mark): (usize, char)| matches!(mark, '.' | '#' | '~' | '!').then_some(at);
        let ends = instance.char_indices().filter_map(is_end).chain([instance.len()]);
        let around = ends.filter_map(|end| instance.get(..end)).map(Box::from);
        let within = ['.', '#', '!'].into_iter().flat_map(|mark| {
            let inside = format!("{instance}{mark}");
            let after = self.0.range(Box::from(inside.as_str())..).map(|(name, _)| name.clone());
            after.take_while(move |name| name.starts_with(&inside)).collect::<Vec<_>>()
        });
        for name in around.chain(within).collect::<Vec<Box<str>>>() {
            match self.0.get_mut(&name) {
                Some(claimed) if is_undone || !claimed.done => claimed.undone = true,
                Some(_) => drop(self.0.remove(&name)),
                None => {}
            }
        }
    }

    /// What was claimed and is not done, or not any more.
    pub(super) fn into_free(self) -> impl Iterator<Item = Claimed> {
        self.0.into_values().filter(|claimed| !claimed.done || claimed.undone)
    }
}

/// What is to be undone if the scope fails, and what came of earlier compensations in it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Trail(Option<Box<Marks>>);

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Marks {
    pub(super) done: Vec<Done>,
    /// Compensations that run already, of scopes inside that were stopped meanwhile.
    pub(super) running: Vec<Key<Frame>>,
    pub(super) told: Compensation,
    pub(super) claims: Claims,
}

impl Trail {
    pub(super) fn of(marks: Marks) -> Self {
        Self(Some(Box::new(marks)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether anything is to be undone, or is being undone.
    pub(super) fn has_anything_done(&self) -> bool {
        self.0.as_ref().is_some_and(|marks| !marks.done.is_empty() || !marks.running.is_empty())
    }

    pub(super) fn push(&mut self, done: Done) {
        self.marks().done.push(done);
    }

    /// A task that had a claim is over.
    pub(super) fn claimed(&mut self, execution: &str, claimed: Claimed) {
        self.marks().claims.0.insert(execution.into(), claimed);
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
                marks.claims.0.extend(other.claims.0);
            }
        }
    }

    /// Forgets what was done from that number on.
    pub(super) fn truncate(&mut self, number: u64) {
        if let Some(marks) = &mut self.0 {
            marks.done.retain(|done| done.number < number);
        }
    }

    /// Takes all that was done from that number on.
    pub(super) fn split_off(&mut self, number: u64) -> Self {
        let Some(mut marks) = self.0.take() else { return Self::default() };
        let (earlier, rest) = marks.done.into_iter().partition(|done| done.number < number);
        marks.done = rest;
        let is_earlier = |(_, claimed): &(_, Claimed)| claimed.number < number;
        let (claimed, rest) = std::mem::take(&mut marks.claims.0).into_iter().partition(is_earlier);
        marks.claims.0 = rest;
        let kept = Marks { done: earlier, claims: Claims(claimed), ..Marks::default() };
        if !kept.done.is_empty() || !kept.claims.0.is_empty() {
            self.0 = Some(Box::new(kept));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(names: &[&str], done: bool) -> Claims {
        let none: Arc<str> = "".into();
        let claimed = || Claimed {
            number: 0,
            instance: none.clone(),
            step: none.clone(),
            key: none.clone(),
            done,
            undone: false,
        };
        Claims(names.iter().map(|name| (Box::from(*name), claimed())).collect())
    }

    const NAMES: [&str; 9] =
        ["a", "a#2.b", "a.b", "a.b[1]", "a.b[1].c", "a.b[10]", "a.b[1]~2.c", "a.b[1]c", "a~2.b"];

    #[test]
    fn a_compensation_is_of_what_is_in_it_and_around_it() {
        for (undone, expected) in [
            ("a", &["a", "a#2.b", "a.b", "a.b[1]", "a.b[1].c", "a.b[10]", "a.b[1]~2.c", "a.b[1]c"][..]),
            ("a.b[1]", &["a", "a.b[1]", "a.b[1].c"]),
            ("a.b[1]~2", &["a", "a.b[1]", "a.b[1]~2.c"]),
            ("a.b[1].c", &["a", "a.b[1]", "a.b[1].c"]),
            ("a~2", &["a", "a~2.b"]),
            ("b", &[]),
        ] {
            let mut all = claims(&NAMES, true);
            all.compensated(undone, true);
            let mut found: Vec<_> =
                all.0.iter().filter(|(_, claimed)| claimed.undone).map(|(name, _)| &**name).collect();
            found.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{undone}");
        }
    }

    #[test]
    fn what_could_not_be_undone_stays_done_whatever_else_is_undone() {
        for outcomes in [[true, false], [false, true]] {
            let mut done = claims(&["a", "b"], true);
            let mut failed = claims(&["a", "b"], false);
            for (n, is_undone) in outcomes.into_iter().enumerate() {
                done.compensated(&format!("a.{n}"), is_undone);
                failed.compensated(&format!("a.{n}"), is_undone);
            }
            assert_eq!(done.into_free().count(), 0);
            assert_eq!(failed.into_free().count(), 2, "what has failed is not done");
        }
        let mut undone = claims(&["a", "b"], true);
        undone.compensated("a", true);
        assert_eq!(undone.into_free().count(), 1);
    }
}
