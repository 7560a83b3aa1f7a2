//! What the compiler found out of the values in a pathway, for editors.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::schema::Shape;
use crate::source::{FileId, Span};

/// See above.
#[derive(Debug, Clone)]
pub struct Notes {
    /// The file of the pathway.
    pub file: FileId,
    /// What `input` looks like.
    pub input: Shape,
    /// The pathway's own variables.
    pub vars: IndexMap<String, Shape>,
    /// What the output of a step looks like, by the place of its name.
    pub outputs: HashMap<Span, Shape>,
    /// What an item of its `each` is called and looks like, likewise.
    pub items: HashMap<Span, (String, Shape)>,
    /// Whether something that a step works with is made of a secret.
    pub(super) keeps_secret: bool,
}
