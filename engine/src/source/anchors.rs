//! Anchors and what aliases to them cost.
//!
//! An alias is replaced by a copy. A few lines can ask for more copies than a machine has
//! memory, so nodes, levels and bytes are counted before anything is copied.

use std::collections::HashMap;

use super::raw::Raw;
use super::tree::too_deep;
use super::{Kind, Limits, Node, Span};
use crate::diagnostic::{Code, Diagnostic};

const UNKNOWN: Code = Code("PW0113");
const RECURSIVE: Code = Code("PW0114");
pub(super) const TOO_DEEP: Code = Code("PW0115");
const TOO_MANY: Code = Code("PW0116");

pub(super) struct Anchors {
    limits: Limits,
    known: HashMap<usize, Anchor>,
    /// What is kept for copies.
    kept: Size,
    /// Bytes that aliases have added to the tree.
    copied: usize,
}

enum Anchor {
    /// Its list or map has not ended.
    Open,
    Defined {
        node: Node,
        size: Size,
    },
    /// Too large to be kept for a copy.
    TooLarge,
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Anchors {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, known: HashMap::new(), kept: Size::default(), copied: 0 }
    }

    pub(super) fn begin(&mut self, id: usize) {
        self.known.insert(id, Anchor::Open);
    }

    /// Keeps a copy of `node` while all copies together are no larger than a tree may be.
    pub(super) fn define(&mut self, id: usize, node: &Node) {
        let size = size(node);
        let nodes = self.kept.nodes.saturating_add(size.nodes);
        let bytes = self.kept.bytes.saturating_add(size.bytes);
        let anchor = if nodes <= self.limits.nodes && bytes <= self.limits.bytes {
            self.kept = Size { nodes, bytes, depth: 0 };
            Anchor::Defined { node: node.clone(), size }
        } else {
            Anchor::TooLarge
        };
        self.known.insert(id, anchor);
    }

    /// A copy of what `id` names, for an alias at `span` that stands `depth` levels deep.
    pub(super) fn expand(
        &mut self,
        id: usize,
        raw: Raw<'_>,
        span: Span,
        depth: usize,
        nodes: &mut usize,
    ) -> Result<Node, Box<Diagnostic>> {
        let name = raw.slice(span.start as usize..span.end as usize);
        let (node, size) = match self.known.get(&id) {
            Some(Anchor::Defined { node, size }) => (node, *size),
            Some(Anchor::TooLarge) => return Err(Box::new(too_many(self.limits.nodes, span))),
            Some(Anchor::Open) => {
                return Err(Box::new(
                    Diagnostic::error(RECURSIVE, format!("the alias `{name}` stands inside what it names"))
                        .at(span, "would never end")
                        .help("write the value out"),
                ));
            }
            None => return Err(Box::new(unknown(name.trim_start_matches('*'), span))),
        };
        if depth + size.depth > self.limits.depth {
            return Err(Box::new(too_deep(self.limits.depth, span)));
        }
        *nodes = nodes.saturating_add(size.nodes);
        self.copied = self.copied.saturating_add(size.bytes);
        if *nodes > self.limits.nodes || self.copied > self.limits.bytes {
            return Err(Box::new(too_many(self.limits.nodes, span)));
        }
        Ok(node.clone())
    }
}

fn size(node: &Node) -> Size {
    let inside = |sizes: &mut dyn Iterator<Item = Size>| {
        let sum = sizes.fold(Size::default(), |a, b| Size {
            nodes: a.nodes + b.nodes,
            bytes: a.bytes + b.bytes,
            depth: a.depth.max(b.depth),
        });
        Size { nodes: sum.nodes + 1, depth: sum.depth + 1, ..sum }
    };
    match &node.kind {
        Kind::List(items) => inside(&mut items.iter().map(size)),
        Kind::Map(entries) => inside(&mut entries.iter().map(|entry| {
            let value = size(&entry.value);
            Size { bytes: value.bytes + entry.key.value.len(), ..value }
        })),
        Kind::Text(text) => {
            let pieces = std::mem::size_of_val(text.pieces.as_slice());
            Size { nodes: 1, bytes: text.value.len() + pieces, depth: 0 }
        }
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => Size { nodes: 1, bytes: 0, depth: 0 },
    }
}

pub(super) fn unknown(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(UNKNOWN, format!("no anchor `&{name}` stands before the alias `*{name}`"))
        .at(span, "unknown alias")
        .help("put the text in quotes if it is meant to begin with `*`")
}

pub(super) fn too_many(limit: usize, span: Span) -> Diagnostic {
    Diagnostic::error(
        TOO_MANY,
        format!("with its aliases written out, the file has more than {limit} values"),
    )
    .at(span, "one too many")
    .help("repeat less by aliases, or split the file")
}
