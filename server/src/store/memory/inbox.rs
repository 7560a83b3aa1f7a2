//! Messages that no run has received yet.

use std::collections::BTreeMap;

use crate::store::{Message, Run, RunId};

/// See above.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: BTreeMap<i64, Message>,
    /// The number that was given out last.
    last: i64,
}

impl Inbox {
    pub(super) fn post(&mut self, run: &Run, payload: Vec<u8>) {
        self.last += 1;
        let Run { id, public_id, home, .. } = run.clone();
        self.messages.insert(self.last, Message { id: self.last, run: id, public_id, home, payload });
    }

    pub(super) fn discard(&mut self, messages: &[i64]) {
        self.messages.retain(|id, _| !messages.contains(id));
    }

    /// Forgets those of runs that are forgotten.
    pub(super) fn prune(&mut self, is_kept: impl Fn(RunId) -> bool) {
        self.messages.retain(|_, message| is_kept(message.run));
    }

    pub(super) fn after(&self, after: i64, limit: usize) -> Vec<Message> {
        self.messages
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(_, message)| message.clone())
            .collect()
    }
}
