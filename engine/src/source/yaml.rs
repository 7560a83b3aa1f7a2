//! YAML events → [`Node`].

use super::{FileId, Node, Sources};
use crate::diagnostic::Diagnostics;

/// How much a file may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Nodes of the tree, with every alias expanded.
    pub nodes: usize,
    /// Levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, nodes: 1_000_000, depth: 100 }
    }
}

/// Reads `file` as one YAML document. Problems go to `diagnostics`; `None` where no tree
/// could be made. A file that is empty or only comments is `null`.
pub fn parse(
    _sources: &Sources,
    _file: FileId,
    _limits: Limits,
    _diagnostics: &mut Diagnostics,
) -> Option<Node> {
    None
}
