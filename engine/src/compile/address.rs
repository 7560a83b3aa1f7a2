//! Steps that can be named from outside: those that run once in a run, if at all.
//!
//! They are the steps of the pathway, and those of blocks in it that are neither repeated (`each`,
//! `while`) nor there for what fails (`on_error`, `compensate`).

use std::collections::HashMap;
use std::sync::Arc;

use super::{BlockId, Plan, Reason, Step};

/// A step, by its place in a block.
pub(crate) type Place = (BlockId, u32);

/// Where a step is: the steps around it from the outermost on, each in the block of the one before,
/// and then itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) Vec<Place>);

impl Address {
    /// The step itself.
    pub(crate) fn step(&self) -> Option<Place> {
        self.0.last().copied()
    }

    /// The steps around it.
    pub(crate) fn around(&self) -> &[Place] {
        self.0.split_last().map_or(&[], |(_, around)| around)
    }
}

impl Step {
    /// Whether it is a block whose steps can be named.
    pub(crate) fn is_open(&self) -> bool {
        self.each.is_none() && self.repeat.is_none() && !self.blocks.is_empty()
    }
}

impl Plan {
    /// All steps that can be named, by their paths.
    pub(crate) fn addresses(&self) -> HashMap<Arc<str>, Address> {
        let mut found: HashMap<Arc<str>, Option<Address>> = HashMap::new();
        self.find(self.root, &[], &mut found);
        // Cases of a `switch` may have steps of the same name: the path names none of them then.
        let unambiguous = found.into_iter().filter_map(|(path, address)| Some((path, address?)));
        unambiguous.collect()
    }

    fn find(&self, block: BlockId, around: &[Place], found: &mut HashMap<Arc<str>, Option<Address>>) {
        let steps = self.block(block).map(|block| block.steps.as_slice()).unwrap_or_default();
        for (step, n) in steps.iter().zip(0..) {
            let mut address = around.to_vec();
            address.push((block, n));
            for inner in step.blocks.iter().filter(|_| step.is_open()) {
                self.find(*inner, &address, found);
            }
            if step.compensate.is_some() {
                found.insert(format!("{}.compensate", step.path).into(), None);
            }
            let known = found.contains_key(&step.path);
            found.insert(step.path.clone(), (!known).then_some(Address(address)));
        }
    }

    /// Whether a step of that path says what undoes it.
    pub(crate) fn can_be_undone(&self, path: &str) -> bool {
        let mut steps = self.blocks.iter().flat_map(|block| &block.steps);
        steps.any(|step| *step.path == *path && step.compensate.is_some())
    }

    /// Whether a step of that path ends its block.
    pub(crate) fn is_guard(&self, path: &str) -> bool {
        let mut steps = self.blocks.iter().flat_map(|block| &block.steps);
        steps.any(|step| *step.path == *path && step.action.is_guard())
    }

    /// A step of a block, and those on which it has a bearing: those that read or need it, and those
    /// that stand behind a guard which does, and so on.
    pub(crate) fn affected(&self, block: BlockId, step: u32) -> Vec<u32> {
        let Some(block) = self.block(block) else { return Vec::new() };
        let mut affected = vec![step];
        let mut next = 0;
        while let Some(before) = affected.get(next).copied() {
            next += 1;
            let is_guard = block.steps.get(before as usize).is_some_and(|step| step.action.is_guard());
            for edge in block.edges.iter().filter(|edge| edge.before == before) {
                // A guard waits for all that stands before it, whether that matters to it or not.
                let matters = is_guard || edge.reason != Reason::Guard;
                if matters && !affected.contains(&edge.after) {
                    affected.push(edge.after);
                }
            }
        }
        affected
    }

    /// The steps that one reads.
    pub(crate) fn reads(&self, (block, step): Place) -> impl Iterator<Item = &Step> {
        let block = self.block(block);
        let edges = block.map(|block| &*block.edges).unwrap_or_default();
        let read = edges.iter().filter(move |edge| edge.after == step && edge.reason == Reason::Reads);
        read.filter_map(move |edge| block?.steps.get(edge.before as usize))
    }
}
