//! The parts of a run's state: frames, tasks and fans.

use std::sync::Arc;

use super::arena::Key;
use super::{Failure, Instance};
use crate::Value;
use crate::compile::BlockId;
use crate::expression::Now;

/// A live block: of the pathway, of a step, or of an `on_error`.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) block: BlockId,
    /// The task whose block this is; none for the pathway's own.
    pub(super) owner: Option<Key<Task>>,
    pub(super) cells: Box<[Cell]>,
    /// Steps that are neither finished nor skipped.
    pub(super) unfinished: u32,
    /// Tasks of its steps, each knowing its place here.
    pub(super) tasks: Vec<Key<Task>>,
}

/// A step of a frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// Steps that it still waits for.
    pub(super) waits: u32,
    pub(super) status: Status,
    /// Its output; none until it has one.
    pub(super) output: Value,
}

/// How far a step of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug)]
pub(super) struct Task {
    pub(super) frame: Key<Frame>,
    pub(super) step: u32,
    /// Its place among the tasks of its frame.
    pub(super) place: usize,
    /// The `each` that it is an item of.
    pub(super) fan: Option<Key<Fan>>,
    pub(super) item: Value,
    pub(super) index: u32,
    /// 1, 2, …: of the present iteration.
    pub(super) attempt: u32,
    /// Attempts before the run was redriven, which do not count against `retry`.
    pub(super) before: u32,
    /// 1, 2, …: of a `while`.
    pub(super) iteration: u32,
    /// Output of the iteration before.
    pub(super) last: Value,
    /// What failed last: what `error` is bound to.
    pub(super) error: Option<Arc<Failure>>,
    /// When the first attempt began.
    pub(super) since: Now,
    pub(super) phase: Phase,
    /// The timer that would end the present attempt.
    pub(super) deadline: Option<u64>,
}

/// What a task is doing.
#[derive(Debug)]
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
}

/// A step's `each`.
#[derive(Debug)]
pub(super) struct Fan {
    pub(super) frame: Key<Frame>,
    pub(super) step: u32,
    pub(super) items: Vec<Value>,
    /// The next item to begin.
    pub(super) next: usize,
    /// Items in progress.
    pub(super) live: u32,
    /// Outputs by item; none: left out by `where`.
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
            deadline: None,
        }
    }
}
