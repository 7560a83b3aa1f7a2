//! A case: what a run is given, and what is expected of it.

use std::sync::Arc;
use std::time::Duration;

use super::Setting;
use super::expect::Expect;
use super::judge::{self, Played};
use super::mock::Mock;
use super::world::World;
use crate::Value;
use crate::compile::Plan;
use crate::expression::Now;
use crate::journal::{Principal, Signal};
use crate::source::{Span, Spanned};

/// A case of a test file.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: Spanned<String>,
    pub(super) plan: Arc<Plan>,
    pub(super) input: Value,
    pub(super) principal: Option<Principal>,
    pub(super) now: Now,
    /// The project's variables; none: as they are.
    pub(super) constants: Option<Arc<[Value]>>,
    pub(super) mocks: Vec<Mock>,
    /// Those of its file that it has no own ones for.
    pub(super) shared: Vec<Mock>,
    /// The place of each in its file.
    pub(super) places: Vec<usize>,
    pub(super) signals: Vec<Coming>,
    pub(super) done: Vec<Done>,
    pub(super) runs: u32,
    pub(super) expect: Expect,
}

/// A signal that comes.
#[derive(Debug, Clone)]
pub(super) struct Coming {
    pub(super) span: Span,
    pub(super) after: Duration,
    /// Whether it may find nobody who waits for it.
    pub(super) optional: bool,
    pub(super) signal: Signal,
}

/// What other runs have done of a step with `once`.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// By its path, below those of the steps that call.
    pub(super) step: String,
    pub(super) span: Span,
    /// Whether the case says so itself, and not its file.
    pub(super) is_own: bool,
    /// None: whatever the key.
    pub(super) keys: Option<Vec<String>>,
}

impl Case {
    /// Plays it and judges what happened.
    #[must_use]
    pub fn play(&self, setting: Setting<'_>) -> Played {
        judge::judge(self, World::play(self, setting))
    }

    /// What its pathway is called.
    #[must_use]
    pub fn pathway(&self) -> &str {
        &self.plan.name
    }
}
