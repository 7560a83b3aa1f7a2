//! What `${NAME}` stands for.

use std::collections::BTreeMap;
use std::fmt;

/// The value of a variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its text, empty where it is set to nothing.
    pub value: String,
    /// Whether it must never be shown.
    pub secret: bool,
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str("…") } else { fmt::Debug::fmt(&self.value, f) }
    }
}

/// The variables that `${NAME}` may name, as the environment and `.env` files gave them.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    map: BTreeMap<String, Variable>,
}

impl Variables {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `name`.
    pub fn set(&mut self, name: impl Into<String>, variable: Variable) {
        self.map.insert(name.into(), variable);
    }

    /// The variable `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.map.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }
}
