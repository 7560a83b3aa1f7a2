//! Time: what comes back next, and runs whose time is up.

use std::time::Duration;

use super::World;
use crate::expression::Now;
use crate::journal::Kind;
use crate::vm::{Class, Failure};

/// What may come back in a case; one that goes on for longer never ends.
const HAPPENINGS: usize = 20_000;
impl World<'_> {
    /// Lets things happen until the run is over, or nothing more can happen.
    pub(super) fn work(&mut self) {
        for _ in 0..HAPPENINGS {
            if self.ended().is_some() {
                return;
            }
            let next = self.queue.first_key_value().map(|(&(at, _), _)| at);
            // What nothing answers is told with all else that is asked for now.
            if !self.unanswered.is_empty() && next.is_none_or(|at| at > self.now) {
                return;
            }
            let late = self.deadline();
            match (next, late) {
                (next, Some((at, run))) if next.is_none_or(|next| at < next) => {
                    self.pass(at);
                    self.time_out(run);
                }
                (Some(at), _) => {
                    self.pass(at);
                    if let Some((_, happening)) = self.queue.pop_first() {
                        self.happen(happening);
                    }
                }
                (None, _) => return,
            }
        }
    }

    /// Lets time pass.
    fn pass(&mut self, to: Now) {
        let span = Duration::try_from(to.duration_since(self.now)).unwrap_or_default();
        for live in self.runs.iter_mut().filter(|live| !live.over && !live.vm.is_suspended()) {
            live.active += span;
        }
        self.now = self.now.max(to);
    }

    /// The run whose time is up first, and when.
    fn deadline(&self) -> Option<(Now, usize)> {
        let busy = self.runs.iter().enumerate().filter(|(_, live)| {
            !live.over && !live.vm.is_suspended() && !live.vm.is_undoing() && live.vm.outcome().is_none()
        });
        let ends = busy.filter_map(|(n, live)| {
            let left = live.plan.timeout.saturating_sub(live.active);
            Some((self.now.checked_add(left).ok()?, n))
        });
        ends.min()
    }

    fn time_out(&mut self, run: usize) {
        let Some(live) = self.runs.get(run) else { return };
        let message = format!("the run took longer than {:?}", live.plan.timeout);
        self.tell(run, Kind::Cancelled { reason: Failure::new(Class::Timeout, message) });
    }
}
