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

    /// Whether there is one for a run.
    pub(super) fn is_for(&self, run: RunId) -> bool {
        self.messages.values().any(|message| message.run == run)
    }

    pub(super) fn after(&self, after: i64, limit: usize) -> Vec<Message> {
        self.messages
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(_, message)| message.clone())
            .collect()
    }
}
