//! What the VM interprets: immutable, dense, with everything compiled once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::document::{Door, Keep, MaxRuns, Retry};
use crate::expression::{Expression, Slot, Tree};
use crate::schema::Schema;
use crate::source::Span;
use crate::steps::Action;

/// Index of a block in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockId(pub(crate) u32);

/// A compiled pathway.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: Arc<str>,
    /// One line.
    pub summary: Option<String>,
    /// Hash of all that the VM reads.
    pub digest: Arc<str>,
    /// The ways in.
    pub door: Door,
    /// What its input must look like.
    pub input: Option<Arc<Schema>>,
    /// What it returns.
    pub output: Option<Arc<Schema>>,
    /// Effects in flight in one run.
    pub max_parallel: u32,
    /// Runs at once.
    pub max_runs: MaxRuns,
    /// Runs that may wait to begin before its door takes no more.
    pub max_queue: u32,
    /// Of a run, from its first step, waiting not counted.
    pub timeout: Duration,
    /// How long runs are kept that are over.
    pub keep: Keep,
    /// Where it says that, if it does.
    pub(crate) says_keep: Option<Span>,
    /// Where it says that its runs have no journal, if it does: after a crash they begin anew.
    pub(crate) without_journal: Option<Span>,
    /// Computed once per run, in order; [`crate::expression::Slot::Var`] counts these first.
    pub(crate) vars: Vec<Tree>,
    /// Their names.
    pub(crate) var_names: Vec<Arc<str>>,
    /// The project's variables, which follow.
    pub(crate) constants: Arc<[Value]>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) root: BlockId,
    pub(crate) on_error: Option<BlockId>,
    /// Where each step's name stands, by path.
    pub(crate) places: BTreeMap<Arc<str>, Span>,
    /// Whether something that a step works with is made of a secret, which may be another one when
    /// that is computed anew.
    pub(crate) keeps_secret: bool,
}

/// Steps by dense index.
#[derive(Debug)]
pub struct Block {
    pub(crate) steps: Vec<Step>,
    /// How many steps each waits for, in the order of `steps`.
    pub(crate) waits: Box<[u32]>,
    /// Steps that wait for none.
    pub(crate) first: Box<[u32]>,
    pub(crate) returns: Option<Tree>,
    /// Who waits for whom, by who waits.
    pub(crate) edges: Box<[Edge]>,
}

/// A step waits for another of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) before: u32,
    pub(crate) after: u32,
    pub(crate) reason: Reason,
}

/// Why a step waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something in it reads the other's output.
    Reads,
    /// Its `needs` names the other.
    Needs,
    /// One of them is a guard.
    Guard,
}

/// A step.
#[derive(Debug)]
pub struct Step {
    pub(crate) name: Arc<str>,
    /// Names of the steps around it and its own, joined by `.`; those of an `on_error` and of a
    /// `compensate` stand below one of that name.
    pub(crate) path: Arc<str>,
    /// Steps that wait for it.
    pub(crate) wakes: Box<[u32]>,
    pub(crate) when: Option<Expression>,
    pub(crate) each: Option<Each>,
    pub(crate) once: Option<Expression>,
    pub(crate) on_error: Option<OnError>,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) retry: Option<Arc<Retry>>,
    /// Whether `retry` is the step's own, which binds `error`, and not its service's.
    pub(crate) binds_error: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) at_most_once: bool,
    pub(crate) secret: bool,
    pub(crate) compensate: Option<Compensate>,
    pub(crate) verb: &'static str,
    pub(crate) action: Box<dyn Action>,
    /// What the action's `Begun::Enter` chooses from.
    pub(crate) blocks: Box<[BlockId]>,
    /// Whether it has no modifier but `when`.
    pub(crate) plain: bool,
}

/// `each`.
#[derive(Debug)]
pub(crate) struct Each {
    pub(crate) list: Expression,
    pub(crate) filter: Option<Expression>,
    pub(crate) max_parallel: u32,
    pub(crate) keep_going: bool,
}

/// `while`.
#[derive(Debug)]
pub(crate) struct Repeat {
    pub(crate) test: Expression,
    pub(crate) limit: u32,
}

/// `on_error`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OnError {
    Continue,
    Block(BlockId),
}

/// `compensate`.
#[derive(Debug)]
pub(crate) struct Compensate {
    pub(crate) block: BlockId,
    /// What it reads of the places around it; `up` counts from the step that it undoes.
    pub(crate) keeps: Box<[Slot]>,
}

impl Plan {
    /// Where the step of that path stands; `each`, `while` and attempt marks of an instance are
    /// passed over.
    #[must_use]
    pub fn place(&self, instance: &str) -> Option<Span> {
        self.places.get(step_path(instance).as_str()).copied()
    }

    /// The logical topic that starts it.
    #[must_use]
    pub fn topic(&self) -> Cow<'_, str> {
        match &self.door.topic {
            Some(topic) => Cow::Borrowed(&topic.value),
            None => Cow::Owned(format!("pathway.{}", self.name)),
        }
    }

    /// Whether what this step yields is secret.
    #[must_use]
    pub fn is_secret(&self, instance: &str) -> bool {
        let path = step_path(instance);
        self.blocks.iter().flat_map(|block| &block.steps).any(|step| *step.path == *path && step.secret)
    }

    /// Whether what any step yields is secret.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.blocks.iter().flat_map(|block| &block.steps).any(|step| step.secret)
    }

    /// The paths of all steps, in the order written, inner ones first.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(|block| block.steps.iter().map(|step| &*step.path))
    }

    /// Which step waits for which: the paths of the one that comes first and of the one that
    /// waits for it.
    pub fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.blocks.iter().flat_map(|block| {
            block.steps.iter().flat_map(|step| {
                let wakes = step.wakes.iter().filter_map(|n| block.steps.get(*n as usize));
                wakes.map(|waker| (&*step.path, &*waker.path))
            })
        })
    }

    /// Whether what happens to a run is kept. A run without a journal begins anew after a crash.
    #[must_use]
    pub fn has_journal(&self) -> bool {
        self.without_journal.is_none()
    }

    /// Whether a run may end within its first event, or as soon as what it publishes and emits is
    /// recorded: no step waits for anything outside.
    #[must_use]
    pub fn may_end_at_once(&self) -> bool {
        let waits = |step: &Step| step.once.is_some() || matches!(step.verb, "http" | "call" | "wait");
        !self.blocks.iter().flat_map(|block| &block.steps).any(waits)
    }

    /// The pathways that its steps call.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        let steps = self.blocks.iter().flat_map(|block| &block.steps);
        steps.filter(|step| step.verb == "call").filter_map(|step| step.action.target())
    }

    /// Whether runs may pass something on to whoever listens to them before they end.
    #[must_use]
    pub fn emits(&self) -> bool {
        self.blocks.iter().flat_map(|block| &block.steps).any(|step| step.action.emits())
    }

    /// The services that every run calls, and fails without: those of steps that nothing leaves
    /// out, in a pathway that does not handle its failure.
    pub fn required_services(&self) -> impl Iterator<Item = &str> {
        let root = self.block(self.root).filter(|_| self.on_error.is_none());
        let steps = root.into_iter().flat_map(|block| &block.steps);
        // What stands after a guard may not run.
        let certain = steps.take_while(|step| !step.action.is_guard());
        let plain = certain.filter(|step| {
            step.when.is_none() && step.each.is_none() && step.once.is_none() && step.on_error.is_none()
        });
        plain.filter_map(|step| step.action.service())
    }

    /// The logical topics that its steps publish to.
    pub fn publishes(&self) -> impl Iterator<Item = &str> {
        let steps = self.blocks.iter().flat_map(|block| &block.steps);
        steps.filter(|step| step.verb == "publish").filter_map(|step| step.action.target())
    }

    pub(crate) fn block(&self, id: BlockId) -> Option<&Block> {
        self.blocks.get(id.0 as usize)
    }

    pub(crate) fn step(&self, block: BlockId, step: u32) -> Option<&Step> {
        self.block(block)?.steps.get(step as usize)
    }
}

/// The path of the step that `instance` is an execution of.
#[must_use]
pub fn step_path(instance: &str) -> String {
    let mut path = String::with_capacity(instance.len());
    let mut skipping = false;
    for c in instance.chars() {
        match c {
            '!' if path.is_empty() => path.push_str("on_error"),
            '!' => path.push_str(".on_error"),
            '[' | '#' | '~' | '?' => skipping = true,
            '.' => {
                skipping = false;
                path.push('.');
            }
            _ if !skipping => path.push(c),
            _ => {}
        }
    }
    path
}
