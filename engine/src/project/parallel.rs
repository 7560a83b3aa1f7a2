//! `max_parallel` of a service: how many of its calls are in flight, as it is written or as it is
//! found out.

use super::reader::Reader;
use crate::document::Fields;
use crate::limits::Range;
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node};

/// Of what there may be this many.
pub(super) const COUNT: Takes = Takes::Count(1, 100_000);

/// Its fields.
pub(super) static ADAPTIVE: Object = Object::new(
    "adaptive",
    &[
        Field::required("adaptive", Takes::True, "as many as are answered without becoming slower"),
        Field::new("min", COUNT, "never fewer; 1 where nothing is said"),
        Field::required("max", COUNT, "never more"),
    ],
);

/// See above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallel {
    /// So many.
    Fixed(u32),
    /// As many as are answered without becoming slower, within these.
    Adaptive(Range),
}

impl Parallel {
    /// Reads a number, or a map.
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            return reader.count(node, "`max_parallel`", 1..=100_000).map(Self::Fixed);
        }
        let mut fields = Fields::of(node, "`max_parallel`", reader.diagnostics)?;
        let adaptive = fields.require("adaptive", reader.diagnostics);
        let adaptive = adaptive.and_then(|node| reader.always(node, "`adaptive`"));
        let max = fields.require("max", reader.diagnostics);
        let max = max.and_then(|node| reader.count(node, "`max`", 1..=100_000));
        let min = fields.take("min");
        let min = min.and_then(|node| reader.count(node, "`min`", 1..=max.unwrap_or(100_000)));
        fields.finish(reader.diagnostics);
        adaptive.and(max).map(|max| Self::Adaptive(Range { min: min.unwrap_or(1), max }))
    }
}
