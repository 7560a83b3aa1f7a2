//! What catches the failure of a step.

use crate::document::fields::wrong_type;
use crate::document::{Block, Reader};
use crate::source::Node;

/// `on_error`.
#[derive(Debug)]
pub enum OnError {
    /// The output is none.
    Continue,
    /// The output is the block's.
    Block(Block),
}

impl OnError {
    pub(super) fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.as_text() {
            Some(text) if text.value == "continue" => Some(Self::Continue),
            Some(_) => {
                let problem = wrong_type("`on_error`", "`continue` or a block", node);
                reader.diagnostics.push(problem);
                None
            }
            None => Block::parse(node, "`on_error`", reader).map(Self::Block),
        }
    }
}
