//! What is known of a value before any run.

use indexmap::IndexMap;
use minijinja::value::ValueKind;

use crate::Value;
use crate::expression::Segment;

/// The most parts of a shape that the compiler carries on.
const MAX_PARTS: usize = 1000;

/// How deep they may nest.
const MAX_DEPTH: usize = 24;

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

impl Shape {
    /// Of a value that is known.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value.kind() {
            ValueKind::Map => {
                let keys = value.try_iter().into_iter().flatten();
                Self::object(keys.map(|key| {
                    let inner = value.get_item(&key).unwrap_or_default();
                    (key.to_string(), Self::of(&inner))
                }))
            }
            ValueKind::Seq => {
                let items = value.try_iter().into_iter().flatten();
                Self::List(Box::new(items.map(|item| Self::of(&item)).reduce(Self::or).unwrap_or(Self::Any)))
            }
            _ => Self::Scalar,
        }
    }

    /// An object with these properties and no others.
    pub fn object<K: Into<String>>(properties: impl IntoIterator<Item = (K, Self)>) -> Self {
        let properties = properties.into_iter().map(|(key, shape)| (key.into(), shape)).collect();
        Self::Object { properties, open: false }
    }

    /// As this shape, or none.
    #[must_use]
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) => self,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// As this shape, but certainly not none.
    #[must_use]
    pub fn present(self) -> Self {
        match self {
            Self::Optional(inner) => inner.present(),
            Self::Secret(inner) => inner.present().secret(),
            other => other,
        }
    }

    /// As this shape, and secret.
    #[must_use]
    pub fn secret(self) -> Self {
        if self.is_secret() { self } else { Self::Secret(Box::new(self)) }
    }

    /// Whether it may be none, as far as is known.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        match self {
            Self::Optional(_) => true,
            Self::Secret(inner) => inner.is_optional(),
            _ => false,
        }
    }

    /// Whether the value itself is secret; parts of one that is not may still be.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::Optional(inner) => inner.is_secret(),
            _ => false,
        }
    }

    /// Without [`Shape::Secret`] and [`Shape::Optional`] around it.
    #[must_use]
    pub fn bare(&self) -> &Self {
        match self {
            Self::Secret(inner) | Self::Optional(inner) => inner.bare(),
            other => other,
        }
    }

    /// This shape, or one that says less where it is large: shapes are made of shapes, and must
    /// not grow from step to step. What is secret anywhere in it then is as a whole.
    #[must_use]
    pub fn bounded(self) -> Self {
        let mut left = MAX_PARTS;
        if self.fits(MAX_DEPTH, &mut left) {
            return self;
        }
        let is_optional = self.is_optional();
        let any = if self.holds_secret() { Self::Any.secret() } else { Self::Any };
        if is_optional { any.optional() } else { any }
    }

    fn fits(&self, depth: usize, left: &mut usize) -> bool {
        let (Some(fewer), Some(depth)) = (left.checked_sub(1), depth.checked_sub(1)) else { return false };
        *left = fewer;
        match self {
            Self::Any | Self::Scalar => true,
            Self::List(inner) | Self::Secret(inner) | Self::Optional(inner) => inner.fits(depth, left),
            Self::Object { properties, .. } => properties.values().all(|shape| shape.fits(depth, left)),
        }
    }

    /// Whether it, or a part of it that is known, is secret.
    pub(crate) fn holds_secret(&self) -> bool {
        match self {
            Self::Any | Self::Scalar => false,
            Self::Secret(_) => true,
            Self::List(inner) | Self::Optional(inner) => inner.holds_secret(),
            Self::Object { properties, .. } => properties.values().any(Self::holds_secret),
        }
    }

    /// What reading `segment` gives. That this shape may be none does not show in the result:
    /// whoever follows a path asks [`Shape::is_optional`] at each of its segments. What is read
    /// from a secret is secret.
    #[must_use]
    pub fn look_up(&self, segment: &Segment) -> Lookup {
        match segment {
            Segment::Key(key) => self.at_key(key),
            Segment::Index(_) => self.at_index(),
            Segment::Dynamic => self.found(Self::Any),
        }
    }

    /// What reading the property `key` gives.
    #[must_use]
    pub fn at_key(&self, key: &str) -> Lookup {
        match self.bare() {
            Self::Object { properties, open } => match properties.get(key) {
                Some(shape) => self.found(shape.clone()),
                None if *open => self.found(Self::Any),
                None => Lookup::Missing(properties.keys().cloned().collect()),
            },
            Self::Scalar | Self::List(_) => Lookup::NoProperties,
            _ => self.found(Self::Any),
        }
    }

    /// What reading one item gives: of a text a character. How long a list is, is not known.
    #[must_use]
    pub fn at_index(&self) -> Lookup {
        match self.bare() {
            Self::List(item) => self.found((**item).clone()),
            Self::Scalar => self.found(Self::Scalar),
            Self::Object { properties, open: false } => Lookup::Missing(properties.keys().cloned().collect()),
            _ => self.found(Self::Any),
        }
    }

    fn found(&self, shape: Self) -> Lookup {
        Lookup::Found(if self.is_secret() { shape.secret() } else { shape })
    }

    /// The one shape or the other. A property that only one of them has may be read as optional,
    /// one that neither has is missing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Secret(a), b) | (b, Self::Secret(a)) => {
                let b = if let Self::Secret(b) = b { *b } else { b };
                a.or(b).secret()
            }
            (Self::Optional(a), b) | (b, Self::Optional(a)) => {
                let b = if let Self::Optional(b) = b { *b } else { b };
                a.or(b).optional()
            }
            (Self::Scalar, Self::Scalar) => Self::Scalar,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.or(*b))),
            (Self::Object { properties: a, open: a_open }, Self::Object { properties: b, open: b_open }) => {
                Self::Object { properties: union(a, b), open: a_open || b_open }
            }
            (Self::Object { properties, open }, Self::Scalar | Self::List(_))
            | (Self::Scalar | Self::List(_), Self::Object { properties, open }) => {
                let properties = properties.into_iter().map(|(key, shape)| (key, shape.optional())).collect();
                Self::Object { properties, open }
            }
            _ => Self::Any,
        }
    }
}

fn union(a: IndexMap<String, Shape>, mut b: IndexMap<String, Shape>) -> IndexMap<String, Shape> {
    let mut union = IndexMap::with_capacity(a.len().max(b.len()));
    for (key, shape) in a {
        let shape = match b.shift_remove(&key) {
            Some(other) => shape.or(other),
            None => shape.optional(),
        };
        union.insert(key, shape);
    }
    union.extend(b.into_iter().map(|(key, shape)| (key, shape.optional())));
    union
}
