//! Partitions that are ours to work on, handed over from the thread that reads to the runner.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::super::{Answer, Batch, BusError, Offset, Partition};
use super::queue::Queue;

/// A partition to work on.
#[derive(Debug)]
pub(super) struct Assigned {
    topic: String,
    number: i32,
    queue: Arc<Queue>,
}

impl Assigned {
    pub(super) fn new(topic: &str, number: i32, queue: Arc<Queue>) -> Self {
        Self { topic: topic.to_owned(), number, queue }
    }
}

impl Partition for Assigned {
    fn topic(&self) -> &str {
        &self.topic
    }

    fn number(&self) -> i32 {
        self.number
    }

    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Option<Batch>> {
        Box::pin(async move { Ok(self.queue.next(max, max_bytes).await) })
    }

    fn given_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.queue.over())
    }

    fn done(&self, next: Offset) {
        self.queue.set_done(next);
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        self.queue.let_go();
    }
}

/// Partitions that nobody has begun to work on; no more than are assigned. They are given out after
/// the client has polled once more and still had them: what was given to a process that then stood
/// still may long be somebody else's.
#[derive(Debug, Default)]
pub(super) struct Handover {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// How often the client has polled.
    polls: u64,
    /// Those to be given out, each with the poll that brought it.
    fresh: VecDeque<(u64, Assigned)>,
    partitions: VecDeque<Assigned>,
    failed: Option<BusError>,
}

impl Handover {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers a partition.
    pub(super) fn offer(&self, partition: Assigned) {
        let mut waiting = self.waiting();
        let poll = waiting.polls;
        waiting.fresh.push_back((poll, partition));
    }

    /// The client has polled, and has lost nothing that it was not told of.
    pub(super) fn polled(&self) {
        let mut waiting = self.waiting();
        let before = waiting.partitions.len();
        let Waiting { polls, fresh, partitions, .. } = &mut *waiting;
        while fresh.front().is_some_and(|(poll, _)| *poll < *polls)
            && let Some((_, partition)) = fresh.pop_front()
        {
            partitions.push_back(partition);
        }
        waiting.polls += 1;
        if waiting.partitions.len() > before {
            self.ready.notify_one();
        }
    }

    /// Takes back those that nobody has begun to work on.
    pub(super) fn take_back(&self, is_revoked: impl Fn(&str, i32) -> bool) {
        let mut waiting = self.waiting();
        let partitions = std::mem::take(&mut waiting.partitions);
        let fresh = std::mem::take(&mut waiting.fresh);
        let is_revoked = |it: &Assigned| is_revoked(&it.topic, it.number);
        let (revoked, kept) = partitions.into_iter().partition(is_revoked);
        waiting.partitions = kept;
        let (revoked_fresh, kept) = fresh.into_iter().partition(|(_, it)| is_revoked(it));
        waiting.fresh = kept;
        drop(waiting);
        let _let_go: (VecDeque<Assigned>, VecDeque<(u64, Assigned)>) = (revoked, revoked_fresh);
    }

    /// There is nothing more to come.
    pub(super) fn fail(&self, error: BusError) {
        self.waiting().failed = Some(error);
        self.ready.notify_one();
    }

    /// The next one. Safe to cancel.
    pub(super) async fn next(&self) -> Result<Assigned, BusError> {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(error) = &waiting.failed {
                    return Err(error.clone());
                }
                if let Some(partition) = waiting.partitions.pop_front() {
                    return Ok(partition);
                }
            }
            self.ready.notified().await;
        }
    }
}
