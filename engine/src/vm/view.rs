//! What the expressions of a step see.

use std::cell::Cell;

use super::arena::Key;
use super::state::{Frame, Task};
use super::trail::Undoes;
use super::{Failure, Vm};
use crate::Value;
use crate::expression::{EvalError, Now, Scope, Slot, Tree};

/// The scope of one step, or of the pathway itself.
#[derive(Debug)]
pub(super) struct View<'a> {
    vm: &'a Vm,
    frame: Option<Key<Frame>>,
    step: u32,
    task: Option<Key<Task>>,
    uuids: Cell<u32>,
}

/// A place that is so many levels out.
enum Level<'a> {
    Live(Option<Key<Frame>>, Option<Key<Task>>),
    /// It is so many levels out of what is being undone, and may be gone.
    Undone(&'a Undoes, u32),
}

impl Vm {
    /// Of a step before it has a task.
    pub(super) fn view(&self, frame: Key<Frame>, step: u32) -> View<'_> {
        View { vm: self, frame: Some(frame), step, task: None, uuids: Cell::new(0) }
    }

    /// Of a task.
    pub(super) fn view_of(&self, key: Key<Task>) -> View<'_> {
        let task = self.tasks.get(key);
        View {
            vm: self,
            frame: task.map(|task| task.frame),
            step: task.map_or(0, |task| task.step),
            task: Some(key),
            uuids: Cell::new(0),
        }
    }

    /// Of what a block returns.
    pub(super) fn view_of_return(&self, frame: Key<Frame>) -> View<'_> {
        self.view(frame, u32::MAX)
    }

    /// Of the pathway's `n`th variable.
    pub(super) fn view_of_var(&self, n: u32) -> View<'_> {
        View { vm: self, frame: None, step: n, task: None, uuids: Cell::new(0) }
    }
}

impl View<'_> {
    /// What is `up` levels out.
    fn level(&self, up: u32) -> Level<'_> {
        let mut level = (self.frame, self.task);
        for n in 1..=up {
            if let Some(undoes) = self.undoes(level.0) {
                return Level::Undone(undoes, up - n);
            }
            level = self.around(level.0);
        }
        Level::Live(level.0, level.1)
    }

    /// What a frame undoes.
    fn undoes(&self, frame: Option<Key<Frame>>) -> Option<&Undoes> {
        self.vm.frames.get(frame?)?.undoes.as_deref()
    }

    /// What was kept of a place around a compensation.
    fn kept(&self, up: u32, slot: impl FnOnce(u32) -> Slot) -> Option<&Value> {
        let Level::Undone(undoes, up) = self.level(up) else { return None };
        let slot = slot(up);
        undoes.done.kept.iter().find(|(kept, _)| *kept == slot).map(|(_, value)| value)
    }

    /// The task whose block a frame is, and the frame of that task.
    fn around(&self, frame: Option<Key<Frame>>) -> (Option<Key<Frame>>, Option<Key<Task>>) {
        let owner = frame.and_then(|frame| self.vm.frames.get(frame)).and_then(|frame| frame.owner);
        let frame = owner.and_then(|owner| self.vm.tasks.get(owner)).map(|task| task.frame);
        (frame, owner)
    }

    /// What a task binds, or what was kept of it.
    fn bound(&self, up: u32, slot: fn(u32) -> Slot, of: fn(&Task) -> Value) -> Value {
        let live = self.task(up).map(of);
        live.or_else(|| self.kept(up, slot).cloned()).unwrap_or_else(|| Value::from(()))
    }

    fn task(&self, up: u32) -> Option<&Task> {
        match self.level(up) {
            Level::Live(_, task) => self.vm.tasks.get(task?),
            Level::Undone(..) => None,
        }
    }

    /// What failed last, of the innermost level from `up` on that binds `error` and has had a
    /// failed attempt.
    fn error(&self, up: u32) -> Option<&Failure> {
        let (mut frame, mut task) = match self.level(up) {
            Level::Live(frame, task) => (frame, task),
            Level::Undone(undoes, _) => return Some(&undoes.why),
        };
        while let Some(key) = task {
            if let Some(error) = &self.vm.tasks.get(key)?.error {
                return Some(error);
            }
            if let Some(undoes) = self.undoes(frame) {
                return Some(&undoes.why);
            }
            (frame, task) = self.around(frame);
        }
        self.vm.failure.as_deref()
    }

    fn step(&self, up: u32, index: u32) -> Option<&Value> {
        match self.level(up) {
            Level::Live(frame, _) => {
                self.vm.frames.get(frame?)?.cells.get(index as usize).map(|cell| &cell.output)
            }
            Level::Undone(..) => self.kept(up, |up| Slot::Step { up, index }),
        }
    }
}

impl Scope for View<'_> {
    fn get(&self, slot: Slot) -> Value {
        let none = || Value::from(());
        match slot {
            Slot::Input => self.vm.context.input.clone(),
            Slot::Var(n) => self.vm.var(n),
            Slot::Auth => self.vm.context.auth().clone(),
            Slot::Run => self.vm.context.run(&self.vm.plan).clone(),
            Slot::Step { up, index } => self.step(up, index).cloned().unwrap_or_else(none),
            Slot::Item { up } => self.bound(up, |up| Slot::Item { up }, |task| task.item.clone()),
            Slot::Index { up } => self.bound(up, |up| Slot::Index { up }, |task| task.index.into()),
            Slot::Last { up } => self.bound(up, |up| Slot::Last { up }, |task| task.last.clone()),
            Slot::Error { up } => self.error(up).map_or_else(none, Failure::to_value),
            Slot::Local(_)
            | Slot::Chunk
            | Slot::Emitted
            | Slot::ScheduledAt
            | Slot::Record
            | Slot::Query
            | Slot::Nothing => none(),
        }
    }

    fn now(&self) -> Now {
        self.vm.now
    }

    fn uuid(&self, _: u32) -> String {
        let n = self.uuids.replace(self.uuids.get() + 1);
        let instance = match self.frame {
            Some(frame) => self.vm.instance(frame, self.step, self.task),
            None => format!("vars/{}", self.step),
        };
        self.vm.context.uuid(&instance, n)
    }
}

/// A name that only a reply or a schedule sees.
#[derive(Debug, Clone)]
pub enum Extra {
    /// `emitted`
    Emitted(Value),
    /// `error`
    Error(Value),
    /// `scheduled_at`
    ScheduledAt(Value),
    /// Nothing.
    Nothing,
}

/// The scope of what is said outside of a run: of a reply, a stream or the input of a schedule.
#[derive(Debug)]
pub struct Outside {
    /// What it sees.
    pub extra: Extra,
    /// When it is said.
    pub now: Now,
}

impl Outside {
    /// Evaluates a part of a door's form.
    ///
    /// # Errors
    /// As [`Tree::eval`].
    pub fn eval(&self, tree: &Tree) -> Result<Value, EvalError> {
        tree.eval(self)
    }
}

impl Scope for Outside {
    fn get(&self, slot: Slot) -> Value {
        match (slot, &self.extra) {
            (Slot::Emitted, Extra::Emitted(value))
            | (Slot::Error { .. }, Extra::Error(value))
            | (Slot::ScheduledAt, Extra::ScheduledAt(value)) => value.clone(),
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        self.now
    }

    fn uuid(&self, _: u32) -> String {
        String::new()
    }
}
