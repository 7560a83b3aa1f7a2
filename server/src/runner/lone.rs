//! The one call of a run that is made in the run's own task.
//!
//! Most runs ask for one thing at a time, and do nothing until they have the answer. A task of its own for
//! each such call, and a message from there, would cost more than what the run makes of the answer. But the
//! call goes on only while the run waits: so as soon as the run has anything else to do, the call gets a task.

use futures_util::future::BoxFuture;
use pathway_engine::vm::Instance;
use tokio::sync::mpsc;

use super::actor::{Actor, Message};

/// A call under way, and who asked for it.
pub(super) struct Lone {
    pub(super) instance: Instance,
    making: BoxFuture<'static, Message>,
}

impl Actor {
    /// Whether nothing is under way for the run.
    pub(super) fn is_quiet(&self) -> bool {
        self.lone.is_none() && self.running.is_empty() && self.called.is_empty()
    }

    /// Begins a call, which tells the run what came of it.
    pub(super) fn make(&mut self, instance: Instance, making: BoxFuture<'static, Message>) {
        if self.is_quiet() {
            self.lone = Some(Lone { instance, making });
        } else {
            self.make_apart(instance, making);
        }
    }

    /// Gives the lone call a task, if there is one: the run has something to do.
    pub(super) fn part_with_lone(&mut self) {
        if let Some(Lone { instance, making }) = self.lone.take() {
            self.make_apart(instance, making);
        }
    }

    /// Begins one in a task of its own.
    pub(super) fn make_apart(&mut self, instance: Instance, making: BoxFuture<'static, Message>) {
        let mailbox = self.mailbox.clone();
        let task = self.tasks.spawn(async move {
            let message = making.await;
            let _over = mailbox.send(message).await;
        });
        self.running.insert(instance, task);
        while self.tasks.try_join_next().is_some() {}
    }

    /// The next message, or what came of the lone call.
    pub(super) async fn hear(
        lone: &mut Option<Lone>,
        messages: &mut mpsc::Receiver<Message>,
    ) -> Option<Message> {
        let Some(Lone { making, .. }) = lone else { return messages.recv().await };
        let message = tokio::select! {
            biased;
            message = messages.recv() => return message,
            message = making => message,
        };
        *lone = None;
        Some(message)
    }
}
