//! What was undone of a run, and what was not: a part of its failure.

use serde::{Deserialize, Serialize};

use super::{Class, Failure};
use crate::Value;

/// Steps that are told by name, of those that were undone and of those that were not.
const TOLD: usize = 100;

/// What came of compensations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Compensation {
    /// Executions of steps that were undone, in this order.
    #[serde(default)]
    pub undone: Vec<String>,
    /// Those whose compensation failed for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<NotUndone>,
    /// How many more were undone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_undone: u32,
    /// How many more were not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_not_undone: u32,
}

/// A step that is finished and could not be undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotUndone {
    /// Which execution of which step.
    pub step: String,
    /// How its compensation failed.
    pub class: Class,
    /// Why, safe to show to anyone.
    pub message: String,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Compensation {
    /// Whether nothing was to be undone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.undone.is_empty() && self.not_undone.is_empty()
    }

    /// How many were not undone.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.not_undone.len().saturating_add(self.more_not_undone as usize)
    }

    pub(super) fn undone(&mut self, step: String) {
        match self.undone.len() < TOLD {
            true => self.undone.push(step),
            false => self.more_undone = self.more_undone.saturating_add(1),
        }
    }

    pub(super) fn not_undone(&mut self, step: String, failure: Failure) {
        let Failure { class, message, .. } = failure;
        match self.not_undone.len() < TOLD {
            true => self.not_undone.push(NotUndone { step, class, message }),
            false => self.more_not_undone = self.more_not_undone.saturating_add(1),
        }
    }

    /// Adds what happened elsewhere.
    pub(super) fn absorb(&mut self, other: Self) {
        let Self { undone, not_undone, more_undone, more_not_undone } = other;
        let room = |told: usize| TOLD.saturating_sub(told);
        let rest =
            |all: usize, told: usize| u32::try_from(all.saturating_sub(room(told))).unwrap_or(u32::MAX);
        let more = more_undone.saturating_add(rest(undone.len(), self.undone.len()));
        let more_not = more_not_undone.saturating_add(rest(not_undone.len(), self.not_undone.len()));
        self.undone.extend(undone.into_iter().take(room(self.undone.len())));
        self.not_undone.extend(not_undone.into_iter().take(room(self.not_undone.len())));
        self.more_undone = self.more_undone.saturating_add(more);
        self.more_not_undone = self.more_not_undone.saturating_add(more_not);
    }

    /// What `error.compensation` is bound to.
    pub(super) fn to_value(&self) -> Value {
        let undone: Vec<_> = self.undone.iter().map(|step| Value::from(step.as_str())).collect();
        let not_undone = self.not_undone.iter().map(|it| {
            Value::from_pairs([
                ("step", Value::from(it.step.as_str())),
                ("class", Value::from(it.class.name())),
                ("message", Value::from(it.message.as_str())),
            ])
        });
        Value::from_pairs([
            ("undone", Value::from(undone)),
            ("not_undone", Value::from(not_undone.collect::<Vec<_>>())),
        ])
    }
}
