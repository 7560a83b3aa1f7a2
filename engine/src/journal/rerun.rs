//! A run that runs another one again, and what it keeps of that.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Value;

/// What a run runs again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rerun {
    /// The public id of that run.
    pub of: Arc<str>,
    /// What its steps came to, by their paths: these do not run again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<Arc<str>, Kept>,
    /// The pathway's variables as they were, where steps are kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<Arc<str>, Value>,
    /// The one step that runs, by its path; the run ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Arc<str>>,
}

impl Rerun {
    /// Whether it keeps nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.vars.is_empty()
    }
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It finished with this output.
    Output(Value),
    /// It was left out.
    Skipped,
}

impl Kept {
    /// What those who read the step see.
    #[must_use]
    pub fn output(&self) -> Value {
        match self {
            Self::Output(value) => value.clone(),
            Self::Skipped => Value::from(()),
        }
    }
}
