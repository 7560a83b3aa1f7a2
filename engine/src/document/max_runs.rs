//! `max_runs`: how many runs of a pathway go on at once, in all and of each key.

use super::{Fields, Reader, scalar};
use crate::expression::Expression;
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node};

/// What there may be of a kind.
pub(super) const COUNT: Takes = Takes::Count(1, 100_000);

/// Its fields.
pub(crate) static MAX_RUNS: Object = Object::new(
    "slots",
    &[
        Field::required("slots", COUNT, "runs at once of each key"),
        Field::required(
            "per",
            Takes::Expression,
            "the key, such as `input.user_id`; runs for which it is none are not counted",
        ),
        Field::new("total", COUNT, "runs at once of all keys together"),
    ],
);

/// See above; none: the server's bound alone.
#[derive(Debug, Default)]
pub struct MaxRuns {
    /// In all.
    pub total: Option<u32>,
    /// Of each key.
    pub per: Option<Per>,
}

/// Slots for each key.
#[derive(Debug)]
pub struct Per {
    /// Runs at once of a key.
    pub slots: u32,
    /// What of a run is its key; none: it has none.
    pub key: Expression,
}

impl MaxRuns {
    /// Reads a number, or a map.
    pub(super) fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            let total = scalar::count(node, "`max_runs`", 1..=100_000, reader.diagnostics)?;
            return Some(Self { total: Some(total), per: None });
        }
        let mut fields = Fields::of(node, "`max_runs`", reader.diagnostics)?;
        let count = |node, what: &str, reader: &mut Reader<'_>| {
            scalar::count(node, what, 1..=100_000, reader.diagnostics)
        };
        let slots = fields.require("slots", reader.diagnostics);
        let slots = slots.and_then(|node| count(node, "`slots`", reader));
        let key = fields.require("per", reader.diagnostics);
        let key = key.and_then(|node| reader.bare(node, "`per`"));
        let total = fields.take("total").and_then(|node| count(node, "`total`", reader));
        fields.finish(reader.diagnostics);
        Some(Self { total, per: slots.zip(key).map(|(slots, key)| Per { slots, key }) })
    }
}
