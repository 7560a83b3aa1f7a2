//! `compensate`: what undoes a step once it has finished.
//!
//! It is written as a step without a name: one verb, or a block, with modifiers.

use super::{Block, Reader, Step};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Slot;
use crate::source::Entry;

const UNDOES_NOTHING: Code = Code("PW0256");
const NEEDS: Code = Code("PW0257");

/// `compensate`.
#[derive(Debug)]
pub struct Compensate {
    /// A block of one step, which is called `compensate`.
    pub block: Block,
    /// What it reads of the places around it, known once it is checked; `up` counts from the
    /// step that it undoes. This is kept when that step finishes.
    pub(crate) keeps: Vec<Slot>,
}

impl Compensate {
    /// The name of its step, which no other step can have.
    pub const NAME: &str = "compensate";

    /// Reads the entry of a step whose key is `compensate`.
    pub(super) fn parse(entry: &Entry, reader: &mut Reader<'_>) -> Option<Self> {
        let step = Step::parse_unnamed(entry, "`compensate`", reader)?;
        if step.action.is_guard() {
            reader.diagnostics.push(
                Diagnostic::error(UNDOES_NOTHING, format!("`{}` undoes nothing", step.verb))
                    .at(entry.key.span, "undoes nothing")
                    .help("write the step that undoes the one beside it, or a block (`steps`) of several"),
            );
            return None;
        }
        if let Some(need) = step.needs.first() {
            reader.diagnostics.push(
                Diagnostic::error(NEEDS, "`compensate` cannot need a step")
                    .at(need.span, "nothing stands beside it")
                    .help("compensations run one after the other, the step that finished last first"),
            );
            return None;
        }
        let block = Block { steps: vec![step], ..Block::default() };
        Some(Self { block, keeps: Vec::new() })
    }
}
