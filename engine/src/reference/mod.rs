//! What the files of a project are made of: which keys there are, what each takes and what it is for.
//!
//! The tables stand beside the readers of what they describe, and are all there is to know of names, types
//! and documentation: the language reference, the schemas of editors and the language server are made from
//! them. `engine/tests/reference/` compares them with what the readers say that they know.

mod field;
mod json_schema;
mod keys;

pub use field::{Field, Object, Of, Rule, Takes, Word};
pub use json_schema::json_schema;

use crate::{document, project, testing};

/// The kinds of files that are written by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// `*.pathway.yaml`
    Pathway,
    /// `*.feed.yaml`
    Feed,
    /// `pathway.yaml`
    Project,
    /// `*.test.yaml`
    Test,
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pathway, Self::Project, Self::Test, Self::Feed];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pathway => "pathway",
            Self::Feed => "feed",
            Self::Project => "project",
            Self::Test => "test",
        }
    }

    /// The map that such a file is.
    #[must_use]
    pub fn object(self) -> &'static Object {
        match self {
            Self::Pathway => &document::PATHWAY,
            Self::Feed => &document::FEED,
            Self::Project => &project::PROJECT,
            Self::Test => &testing::TEST,
        }
    }
}
