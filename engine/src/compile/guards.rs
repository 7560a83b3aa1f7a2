//! What guards prove: below `return` with `when: not X`, X is there.

use std::collections::HashMap;

use crate::document::Block;
use crate::expression::Segment;

/// What the guards of a block prove for the steps written after them.
#[derive(Debug)]
pub(super) struct Guards {
    /// Paths with the first guard that proves each.
    facts: HashMap<Vec<Segment>, u32>,
    /// Guards from here on prove nothing yet.
    pub(super) before: u32,
}

impl Guards {
    pub(super) fn of(block: &Block) -> Self {
        let mut facts = HashMap::new();
        for (step, n) in block.steps.iter().zip(0..).filter(|(step, _)| step.action.is_guard()) {
            for mut fact in step.when.iter().flat_map(|when| when.proves(false)) {
                while !fact.is_empty() {
                    facts.entry(fact.clone()).or_insert(n);
                    fact.pop();
                }
            }
        }
        Self { facts, before: 0 }
    }

    /// Whether that path is certainly there.
    pub(super) fn prove(&self, path: &[Segment]) -> bool {
        self.facts.get(path).is_some_and(|guard| *guard < self.before)
    }
}
