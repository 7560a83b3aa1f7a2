//! The parts of a run's state: frames, tasks and fans.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::arena::Key;
use super::claim::Claim;
use super::trail::{Claims, Done, Trail, Undoes};
use super::{Compensation, Failure, Instance, snapshot};
use crate::Value;
use crate::compile::BlockId;
use crate::expression::Now;
use crate::value::{exact, sparse};

/// A live block: of the pathway, of a step, of an `on_error`, or of a `compensate`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Frame {
    pub(super) block: BlockId,
    /// The task whose block this is; none for the pathway's own and that of a `compensate`.
    pub(super) owner: Option<Key<Task>>,
    pub(super) cells: Box<[Cell]>,
    /// Steps that are neither finished nor skipped.
    pub(super) unfinished: u32,
    /// Tasks of its steps, each knowing its place here.
    pub(super) tasks: Vec<Key<Task>>,
    /// What its steps have done.
    pub(super) trail: Trail,
    /// What it undoes, of a `compensate`.
    pub(super) undoes: Option<Box<Undoes>>,
}

/// A step of a frame.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Cell {
    /// Steps that it still waits for.
    pub(super) waits: u32,
    pub(super) status: Status,
    /// Its output; none until it has one.
    #[serde(with = "exact")]
    pub(super) output: Value,
}

/// How far a step of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Status {
    /// Not begun.
    #[default]
    Waiting,
    /// Begun.
    Running,
    /// Finished.
    Done,
    /// Left out.
    Skipped,
    /// Failed.
    Failed,
}

/// One execution of a step: of the step itself, or of one item of its `each`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) frame: Key<Frame>,
    pub(super) step: u32,
    /// Its place among the tasks of its frame.
    pub(super) place: usize,
    /// The `each` that it is an item of.
    pub(super) fan: Option<Key<Fan>>,
    #[serde(with = "exact")]
    pub(super) item: Value,
    pub(super) index: u32,
    /// 1, 2, …: of the present iteration.
    pub(super) attempt: u32,
    /// Attempts before the run was redriven, which do not count against `retry`.
    pub(super) before: u32,
    /// 1, 2, …: of a `while`.
    pub(super) iteration: u32,
    /// Output of the iteration before.
    #[serde(with = "exact")]
    pub(super) last: Value,
    /// What failed last: what `error` is bound to.
    #[serde(with = "snapshot::failures")]
    pub(super) error: Option<Arc<Failure>>,
    /// When the first attempt began.
    pub(super) since: Now,
    pub(super) phase: Phase,
    /// What it has claimed, or asks for.
    pub(super) claim: Option<Box<Claim>>,
    /// The timer that would end the present attempt.
    pub(super) deadline: Option<u64>,
    /// What was done in it.
    pub(super) trail: Trail,
    /// The number of the first of that that was done in the present iteration.
    pub(super) earlier: u64,
}

/// What a task is doing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Waits for one of the run's `max_parallel` slots.
    Queued,
    /// Its effect is in flight and holds a slot.
    Performing(Instance),
    /// Its effect is in flight and holds none.
    Suspended(Instance),
    /// Waits for the next attempt, or sleeps.
    Sleeping(u64),
    /// Its block runs.
    Block(Key<Frame>),
    /// Its `on_error` block runs.
    Handling(Key<Frame>),
    /// What it has done is undone.
    Undoing(Key<Undoing>),
}

/// A scope that has failed and is being undone.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Undoing {
    /// What finished last stands last.
    pub(super) left: Vec<Done>,
    /// One at a time, but for those that ran when their scope was stopped.
    pub(super) running: Vec<Key<Frame>>,
    pub(super) told: Compensation,
    /// What was claimed in it.
    pub(super) claims: Claims,
    #[serde(with = "snapshot::failure")]
    pub(super) why: Arc<Failure>,
    pub(super) then: Then,
}

/// What was put off until a scope is undone.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Then {
    /// The task is tried again at that time.
    Retry(Key<Task>, Now),
    /// The task's `on_error` handles the failure.
    Handle(Key<Task>),
    /// The `each` goes on without the item.
    LeaveItem(Key<Task>),
    /// The pathway's `on_error` handles the failure, or the run ends with it.
    FailRun,
    /// The run ends with the failure.
    EndRun,
}

impl Then {
    /// The task whose scope it is; none: the run's.
    pub(super) fn task(self) -> Option<Key<Task>> {
        match self {
            Self::Retry(task, _) | Self::Handle(task) | Self::LeaveItem(task) => Some(task),
            Self::FailRun | Self::EndRun => None,
        }
    }
}

/// A step's `each`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fan {
    pub(super) frame: Key<Frame>,
    pub(super) step: u32,
    /// Those that have not begun; the others are left out.
    #[serde(with = "sparse")]
    pub(super) items: Vec<Option<Value>>,
    /// The next item to begin.
    pub(super) next: usize,
    /// Items in progress.
    pub(super) live: u32,
    /// Outputs by item; none: left out by `where`.
    #[serde(with = "sparse")]
    pub(super) results: Vec<Option<Value>>,
    /// Whether it stands in the queue of fans to feed, or is being fed.
    pub(super) is_feeding: bool,
}

impl Task {
    pub(super) fn new(frame: Key<Frame>, step: u32, now: Now) -> Self {
        Self {
            frame,
            step,
            place: 0,
            fan: None,
            item: Value::UNDEFINED,
            index: 0,
            attempt: 1,
            before: 0,
            iteration: 1,
            last: Value::from(()),
            error: None,
            since: now,
            phase: Phase::Queued,
            claim: None,
            deadline: None,
            trail: Trail::default(),
            earlier: 0,
        }
    }
}
