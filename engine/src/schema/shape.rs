//! What is known of a value before any run.

use indexmap::IndexMap;

/// What a value may look like, as far as a schema or a verb tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Nothing is known.
    Any,
    /// Text, a number, true, false or none.
    Scalar,
    /// A list of such items.
    List(Box<Shape>),
    /// A map.
    Object {
        /// Known properties.
        properties: IndexMap<String, Shape>,
        /// Whether others may be read too. A schema that lists `properties` and says nothing of
        /// others is closed for reading, though it admits them.
        open: bool,
    },
    /// What carries a secret (`writeOnly`), else as the inner shape.
    Secret(Box<Shape>),
    /// May be none (nullable, optional or skipped), else as the inner shape.
    Optional(Box<Shape>),
}

/// What reading one segment of a shape gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// It is there, or may be.
    Found(Shape),
    /// There is no such property; these are.
    Missing(Vec<String>),
    /// The value has no properties at all (a scalar or a list).
    NoProperties,
}
