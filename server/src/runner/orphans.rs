//! Runs that nobody waits for any more, because the run that called them is over or goes on without
//! them: they are called off. Who called them says so in memory, which a crash forgets; so it is seen
//! to whenever runs are taken up.

use std::collections::HashSet;
use std::sync::Arc;

use pathway_engine::vm::{Class, Effect, Failure};

use super::Inner;
use super::actor::Actor;
use super::children::child_id;
use super::holding::Holding;
use crate::store::{Run, RunId, Status, StoreError};

/// Why a run is called off that nobody waits for.
pub(super) fn reason() -> Failure {
    Failure::new(Class::Cancelled, "the run that called it goes on without it")
}

impl Inner {
    /// Calls off the runs that a run has called, but for those that it waits for.
    pub(super) async fn call_off_children(
        self: &Arc<Self>,
        caller: RunId,
        is_wanted: impl Fn(&Run) -> bool,
        holding: Option<&Arc<Holding>>,
    ) -> Result<(), StoreError> {
        for child in self.store.children(caller).await? {
            if child.status == Status::Ready && !is_wanted(&child) {
                self.call_off(child, holding).await?;
            }
        }
        Ok(())
    }

    /// Calls off a run that nobody waits for, whether it is under way or not.
    pub(super) async fn call_off(
        self: &Arc<Self>,
        run: Run,
        holding: Option<&Arc<Holding>>,
    ) -> Result<(), StoreError> {
        if self.dismiss(&run.public_id, reason()).await {
            return Ok(());
        }
        if let Some(mut child) = self.read_back(run).await? {
            if let Some(holding) = holding {
                child.belong_to(holding);
            }
            child.called_off = Some(reason());
            self.begin(child);
        }
        Ok(())
    }
}

impl Actor {
    /// After a restart: calls off what it called and waits for no more.
    pub(super) async fn call_off_abandoned(&mut self) -> Result<(), StoreError> {
        if self.plan().calls().next().is_none() {
            return Ok(());
        }
        let waits = self.vm.in_flight().into_iter().filter_map(|unfinished| match unfinished.effect {
            Effect::Child { instance, attempt, .. } => {
                Some(child_id(&self.run.public_id, &instance, attempt))
            }
            _ => None,
        });
        let waits: HashSet<String> = waits.collect();
        let is_wanted = |child: &Run| waits.contains(&child.public_id);
        self.inner.call_off_children(self.run.id, is_wanted, self.run.holding.as_ref()).await
    }

    /// It is over: nobody waits any more for what it called.
    pub(super) async fn leave_called(&mut self) {
        for child in std::mem::take(&mut self.called).into_values() {
            self.inner.dismiss(&child, reason()).await;
        }
    }
}
