//! `keep`: how long runs that are over are kept, by how they ended. Those that are parked wait for somebody,
//! and are not over.

use std::time::Duration;

use super::{Fields, scalar};
use crate::diagnostic::Diagnostics;
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node};

/// Its fields.
pub(crate) static KEEP: Object = Object::new(
    "keep",
    &[
        Field::new("succeeded", Takes::Duration, "runs that returned"),
        Field::new("failed", Takes::Duration, "runs that failed for good"),
        Field::new("cancelled", Takes::Duration, "runs that were called off"),
    ],
);

/// See above; none: as is said elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Runs that returned.
    pub succeeded: Option<Duration>,
    /// Runs that failed for good.
    pub failed: Option<Duration>,
    /// Runs that were called off.
    pub cancelled: Option<Duration>,
}

impl Keep {
    /// All runs as long.
    #[must_use]
    pub const fn all(time: Duration) -> Self {
        Self { succeeded: Some(time), failed: Some(time), cancelled: Some(time) }
    }

    /// What this does not say, as another does.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            succeeded: self.succeeded.or(other.succeeded),
            failed: self.failed.or(other.failed),
            cancelled: self.cancelled.or(other.cancelled),
        }
    }

    /// Reads a duration, or a map of them.
    pub(super) fn parse(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            return scalar::duration(node, "`keep`", diagnostics).map(Self::all);
        }
        let mut fields = Fields::of(node, "`keep`", diagnostics)?;
        let keep = Self::take(&mut fields, diagnostics);
        fields.finish(diagnostics);
        Some(keep)
    }

    /// Takes its fields from a map.
    pub(crate) fn take(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut time =
            |name: &'static str| scalar::duration(fields.take(name)?, &format!("`{name}`"), diagnostics);
        Self { succeeded: time("succeeded"), failed: time("failed"), cancelled: time("cancelled") }
    }
}
