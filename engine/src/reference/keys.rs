//! From what a place takes to what stands below it.

use super::{Field, Object, Takes};
use crate::document::MODIFIERS;
use crate::steps::{self, VERBS};
use crate::testing::MATCHERS;

impl Object {
    /// What stands under `key`.
    #[must_use]
    pub fn under(&self, key: &str) -> Option<Takes> {
        self.fields.iter().find(|field| field.name == key).map(|field| field.takes).or(self.others)
    }
}

impl Takes {
    /// The keys that a map here may have, of those that are given.
    #[must_use]
    pub fn keys(self) -> Vec<Field> {
        match self {
            Self::Object(object) => object.fields.to_vec(),
            Self::Call => call(),
            Self::Step => verbs().chain(MODIFIERS.fields.iter().copied()).collect(),
            // Nothing stands beside it, and what ends a block undoes nothing.
            Self::Compensation => Self::Step
                .keys()
                .into_iter()
                .filter(|field| !["needs", "fail"].contains(&field.name))
                .collect(),
            Self::Pattern => MATCHERS.fields.to_vec(),
            Self::OrNothing(inner) => inner.keys(),
            Self::OneOf(several) => several.iter().flat_map(|one| one.keys()).collect(),
            _ => Vec::new(),
        }
    }

    /// What stands under `key`, if there can be such a key.
    #[must_use]
    pub fn under(self, key: &str) -> Option<Self> {
        match self {
            Self::Object(object) => object.under(key),
            Self::Step | Self::Compensation | Self::Call => {
                self.keys().into_iter().find(|field| field.name == key).map(|field| field.takes)
            }
            Self::Steps => Some(Self::Step),
            Self::Map(value) => Some(*value),
            Self::Texts | Self::TextsOrTemplate => Some(Self::Text),
            Self::Template => Some(Self::Template),
            Self::Data | Self::Schema => Some(Self::Data),
            Self::Pattern => MATCHERS.under(key).or((!key.starts_with('$')).then_some(Self::Pattern)),
            Self::OrNothing(inner) => inner.under(key),
            Self::OneOf(several) => several.iter().find_map(|one| one.under(key)),
            _ => None,
        }
    }

    /// What an item of a list here is, if there can be one.
    #[must_use]
    pub fn item(self) -> Option<Self> {
        match self {
            Self::List(item) => Some(*item),
            Self::Template | Self::Data | Self::Pattern => Some(self),
            Self::Schema => Some(Self::Data),
            Self::OrNothing(inner) => inner.item(),
            Self::OneOf(several) => several.iter().find_map(|one| one.item()),
            _ => None,
        }
    }

    /// Words and names of classes that may stand here.
    #[must_use]
    pub fn words(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Words(words) => words.iter().map(|word| (word.0, word.1)).collect(),
            Self::Class | Self::ClassText => crate::vm::Class::ALL.map(|class| (class.name(), "")).to_vec(),
            Self::Flag => vec![("true", ""), ("false", "")],
            Self::True => vec![("true", "")],
            Self::OrNothing(inner) => inner.words(),
            Self::OneOf(several) => several.iter().flat_map(|one| one.words()).collect(),
            _ => Vec::new(),
        }
    }
}

/// The verbs, as keys of a step.
pub(super) fn verbs() -> impl Iterator<Item = Field> {
    VERBS.iter().map(|verb| Field::new(verb.name, verb.takes, verb.summary))
}

/// The fields of `http` that a service may give for its calls.
pub(super) fn call() -> Vec<Field> {
    let fields = steps::verb("http").map(steps::Spec::fields).unwrap_or_default();
    let fields = fields.iter().filter(|field| field.name != "service");
    fields.map(|field| Field { is_required: false, ..*field }).collect()
}
