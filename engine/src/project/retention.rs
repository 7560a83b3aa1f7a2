//! `store.keep`: how long what is over is kept.

use std::time::Duration;

use super::reader::Reader;
use crate::document::{Fields, Keep, scalar};
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node};

/// Its fields.
pub(super) static RETENTION: Object = Object::new(
    "keep",
    &[
        Field::new("succeeded", Takes::Duration, "runs that returned"),
        Field::new("failed", Takes::Duration, "runs that failed for good"),
        Field::new("cancelled", Takes::Duration, "runs that were called off"),
        Field::new("records", Takes::Duration, "records of the embedded bus"),
    ],
);

/// Of what says nothing else.
const USUAL: Duration = Duration::from_secs(7 * 24 * 3600);

/// See above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Runs of pathways that do not say it themselves.
    pub runs: Keep,
    /// Records of the embedded bus.
    pub records: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self::all(USUAL)
    }
}

impl Retention {
    /// All of it as long.
    #[must_use]
    pub const fn all(time: Duration) -> Self {
        Self { runs: Keep::all(time), records: time }
    }

    /// Reads a duration, or a map of them.
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let node = reader.plain(node, "`keep`")?;
        if !matches!(node.kind, Kind::Map(_)) {
            return scalar::duration(&node, "`keep`", reader.diagnostics).map(Self::all);
        }
        let mut fields = Fields::of(&node, "`keep`", reader.diagnostics)?;
        let usual = Self::default();
        let runs = Keep::take(&mut fields, reader.diagnostics).or(usual.runs);
        let records = fields.take("records");
        let records = records.and_then(|node| scalar::duration(node, "`records`", reader.diagnostics));
        fields.finish(reader.diagnostics);
        Some(Self { runs, records: records.unwrap_or(usual.records) })
    }
}
