//! What a run does that is not over, as far as this process has it in mind: nothing is read for it.

use std::collections::HashSet;
use std::sync::Arc;

use super::Runner;
use crate::store::{Run, Status};

/// What a run does that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It waits to begin or to go on: for the run before it in its lane, or for its own slots.
    Queued,
    /// It is under way.
    Running,
    /// It sleeps: it waits for nothing but a signal, or a time that is not near.
    Waiting,
    /// Another process has it.
    Elsewhere,
}

impl Doing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Waiting, Self::Elsewhere];

    /// Its name for operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Elsewhere => "elsewhere",
        }
    }
}

impl Runner {
    /// What each of these runs does; none of one that is over, or parked.
    #[must_use]
    pub fn doing(&self, runs: &[Run]) -> Vec<Option<Doing>> {
        let waiters = match runs.iter().any(|run| run.status == Status::Ready) {
            true => self.inner.slots.waiting(),
            false => Vec::new(),
        };
        let waiting: HashSet<Arc<str>> = waiters.into_iter().map(|waiter| waiter.label).collect();
        let doing = |run: &Run| match run.status {
            Status::Ready => Some(self.doing_of(run, &waiting)),
            Status::Parked | Status::Succeeded | Status::Failed | Status::Cancelled => None,
        };
        runs.iter().map(doing).collect()
    }

    fn doing_of(&self, run: &Run, waiting: &HashSet<Arc<str>>) -> Doing {
        let (inner, id) = (&self.inner, run.public_id.as_str());
        if inner.asleep.contains(id) {
            return Doing::Waiting;
        }
        if inner.is_under_way(id) {
            // That is what it calls itself, where it is not a step of it that waits.
            let waits = waiting.contains(format!("{} {id}", run.pathway).as_str());
            return if waits { Doing::Queued } else { Doing::Running };
        }
        if inner.is_ours(run.home.as_ref()) { Doing::Queued } else { Doing::Elsewhere }
    }
}
