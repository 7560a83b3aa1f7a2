//! Text that is never shown.

use std::fmt;

/// What stands in the place of a secret wherever it would be shown.
pub const MASK: &str = "…";

/// A secret: neither `{}` nor `{:?}` prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A text whose `${…}` have been filled in; `{:?}` masks it where it holds a secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// The text.
    pub value: String,
    /// Whether a part of it must never be shown.
    pub secret: bool,
}

impl Resolved {
    /// A text that anyone may see.
    pub fn open(value: impl Into<String>) -> Self {
        Self { value: value.into(), secret: false }
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str(MASK) } else { fmt::Debug::fmt(&self.value, f) }
    }
}
