//! Messages that no run has received yet.

use std::collections::BTreeMap;

use crate::store::{Home, Mark, Message, Most, Page, Run, RunId, Unreceived};

/// See above.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: BTreeMap<i64, Message>,
    /// The number that was given out last.
    last: i64,
}

impl Inbox {
    pub(super) fn post(&mut self, run: &Run, at: i64, payload: Vec<u8>) {
        self.last += 1;
        let Run { id: run, public_id, home, .. } = run.clone();
        let message = Message { id: self.last, change: 0, run, public_id, home, at, payload };
        self.messages.insert(self.last, message);
    }

    pub(super) fn discard(&mut self, messages: &[i64]) {
        self.messages.retain(|id, _| !messages.contains(id));
    }

    /// Whether there is one for a run.
    pub(super) fn is_for(&self, run: RunId) -> bool {
        self.messages.values().any(|message| message.run == run)
    }

    fn after(&self, after: Mark) -> impl Iterator<Item = &Message> {
        self.messages.values().filter(move |message| message.mark() > after)
    }

    pub(super) fn page(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Page {
        let is_wanted = |message: &&Message| {
            homes.is_none_or(|homes| message.home.as_ref().is_some_and(|home| homes.contains(home)))
        };
        let messages = most.of(self.after(after).filter(is_wanted).cloned());
        Page { messages, settled: Mark::END }
    }

    pub(super) fn of(&self, run: RunId, after: Mark, most: Most) -> Vec<Message> {
        most.of(self.after(after).filter(|message| message.run == run).cloned())
    }

    pub(super) fn unreceived(&self, most: usize) -> Unreceived {
        let first = self.messages.values().take(most);
        let messages = first.clone().count();
        Unreceived {
            messages: u64::try_from(messages).unwrap_or(u64::MAX),
            oldest: first.map(|message| message.at).min(),
        }
    }
}
