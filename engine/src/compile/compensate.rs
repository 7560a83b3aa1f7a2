//! Compensations: what they may read, and what is kept for them when their step finishes.
//!
//! One sees what its step sees, its own output (of an `each` the item's, of a `while` that of the
//! iteration), and `error`: why it runs.

use super::check::Checker;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Compensate;
use crate::expression::Slot;
use crate::schema::Shape;
use crate::steps::Visitor;

const NESTED: Code = Code("PW0542");

/// What a compensation reads from around it, as far as it is checked.
#[derive(Debug)]
pub(super) struct Keeping {
    /// Blocks around it.
    outside: usize,
    slots: Vec<Slot>,
}

impl Keeping {
    /// Notes what is read where `levels` blocks are around.
    pub(super) fn note(&mut self, slot: Slot, levels: usize) {
        let inside = u32::try_from(levels.saturating_sub(self.outside)).unwrap_or(u32::MAX);
        let slot = match slot {
            Slot::Step { up, index } => up.checked_sub(inside).map(|up| Slot::Step { up, index }),
            Slot::Item { up } => up.checked_sub(inside).map(|up| Slot::Item { up }),
            Slot::Index { up } => up.checked_sub(inside).map(|up| Slot::Index { up }),
            Slot::Last { up } => up.checked_sub(inside).map(|up| Slot::Last { up }),
            // All else is there for as long as the run is.
            _ => None,
        };
        self.slots.extend(slot.filter(|slot| !self.slots.contains(slot)));
    }
}

impl Checker<'_> {
    /// Checks what undoes step `n` of the innermost block, whose output looks like `output`.
    pub(super) fn compensate(&mut self, compensate: &mut Compensate, n: u32, output: Shape) {
        if self.keeping.is_some() {
            let name = compensate.block.steps.first().map(|step| step.name.span);
            let diagnostic = Diagnostic::error(NESTED, "a compensation cannot be compensated itself")
                .help("leave it out: give it a `retry`, or an `on_error`, for when it fails");
            self.diagnostics.push(match name {
                Some(span) => diagnostic.at(span, "inside another `compensate`"),
                None => diagnostic,
            });
            return;
        }
        let mut last = false;
        if let Some(level) = self.names.levels.last_mut() {
            if let Some(own) = level.outputs.get_mut(n as usize) {
                *own = Some(output.bounded());
            }
            // It would be the output, which is there already.
            last = std::mem::take(&mut level.binds.last);
        }
        self.keeping = Some(Keeping { outside: self.names.levels.len(), slots: Vec::new() });
        self.block(&mut compensate.block);
        compensate.keeps = self.keeping.take().map(|keeping| keeping.slots).unwrap_or_default();
        if let Some(level) = self.names.levels.last_mut() {
            level.binds.last = last;
        }
    }
}
