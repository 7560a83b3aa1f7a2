//! A run's task: its VM is made, works until the run is over or sleeps, and its lane goes on.

use std::sync::Arc;

use pathway_engine::vm::Vm;
use tokio::sync::mpsc;

use super::actor::{Actor, Message};
use super::{Admitted, Inner};
use crate::store::{Conflict, StoreError};

/// How a run was left.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    /// It is over.
    Over,
    /// It is parked.
    Parked,
    /// It sleeps.
    Asleep,
}

impl Inner {
    /// Drives a run until it is over.
    pub(super) async fn drive(
        self: Arc<Self>,
        run: Admitted,
        vm: Option<Result<Vm, String>>,
        (mailbox, messages): (mpsc::Sender<Message>, mpsc::Receiver<Message>),
    ) {
        let holding = run.holding.clone();
        let (public_id, lane, plan) = (run.public_id.clone(), run.lane.clone(), run.plan.clone());
        let finished = run.finished.clone().zip(run.source.as_ref().map(|(_, _, offset)| *offset));
        let vm = vm.unwrap_or_else(|| Ok(self.new_vm(&run)));
        let left = match vm {
            Ok(vm) => Actor::new(self.clone(), run, vm, mailbox.clone()).work(messages).await,
            Err(reason) => {
                tracing::error!(run = public_id, reason, "journal_mismatch: the run is left as it is");
                Ok(Left::Parked)
            }
        };
        self.forget_actor(&public_id, &mailbox);
        match left {
            Err(StoreError::Conflict(Conflict::Fenced { .. })) => {
                if let Some(holding) = holding {
                    holding.lose();
                }
            }
            // What is wrong with one run must not end the others; it is taken up at the next start.
            Err(error @ (StoreError::Conflict(_) | StoreError::Refused(_))) => {
                tracing::error!(run = public_id, %error, "left as it is: its journal could not be written");
            }
            Err(error) => self.fatal(&error.to_string()),
            Ok(Left::Asleep) => {}
            Ok(Left::Parked) if plan.door.park_holds && plan.has_journal() => {}
            Ok(_) => {
                if let Some((finished, offset)) = finished {
                    // Nobody waits for it where the partition was given up.
                    let _given_up = finished.send(offset).await;
                }
                if let Some(next) = lane.and_then(|lane| self.lanes.leave(&lane)) {
                    self.begin(next);
                }
            }
        }
    }

    /// As that of a run that has not begun.
    fn new_vm(&self, run: &Admitted) -> Vm {
        let vm = Vm::new(run.plan.clone());
        if self.observers.receiver_count() > 0 { vm.traced() } else { vm }
    }

    /// What the journal of a run leads to.
    pub(super) fn replayed(&self, run: &Admitted) -> Result<Vm, String> {
        let mut vm = self.new_vm(run);
        vm.follow(&run.events).map_err(|why| why.to_string())?;
        if run.events.len() > 1 {
            // It was observed when it happened.
            drop(vm.take_trace());
        }
        Ok(vm)
    }
}
