//! The records of one partition on their way from the thread that reads to whoever works on them,
//! and how far the work has come.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::super::{Batch, Offset, Record};
use super::record::size;

/// What may wait: records, and bytes of them.
#[derive(Debug, Clone, Copy)]
struct Bound {
    records: usize,
    bytes: usize,
}

/// In one partition.
const PARTITION: Bound = Bound { records: 4_000, bytes: 8 << 20 };
/// In all partitions of a reader.
const TOTAL: Bound = Bound { records: 20_000, bytes: 32 << 20 };
/// In a partition even where the others have used up the total: none is starved by its neighbours.
const SHARE: Bound = Bound { records: 500, bytes: 1 << 20 };
/// A paused partition is resumed below this part of its bound, in percent: what the client has
/// read ahead is thrown away by a pause, so there should be few.
const RESUME: usize = 60;

impl Bound {
    fn is_reached(self, records: usize, bytes: usize) -> bool {
        records >= self.records || bytes >= self.bytes
    }

    fn lower(self) -> Self {
        Self { records: self.records * RESUME / 100, bytes: self.bytes * RESUME / 100 }
    }
}

/// What waits in all partitions of a reader.
#[derive(Debug, Default)]
pub(super) struct Budget {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    fn add(&self, records: usize, bytes: usize) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn reaches(&self, bound: Bound) -> bool {
        bound.is_reached(self.records.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// See above.
#[derive(Debug)]
pub(super) struct Queue {
    partition: i32,
    budget: Arc<Budget>,
    ready: Arc<Notify>,
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    records: VecDeque<(Record, usize)>,
    bytes: usize,
    /// Where the next batch begins.
    position: Offset,
    /// Nothing before it has to be read again.
    done: Offset,
    /// Whether more may be taken.
    is_open: bool,
    /// Whether somebody may still work on what was taken.
    is_held: bool,
}

/// What is there to be taken.
pub(super) enum Taken {
    /// Records.
    Batch(Batch),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    Over,
}

impl Queue {
    /// An empty one, that begins at `position`. Whoever waits is told through `ready`.
    pub(super) fn new(partition: i32, position: Offset, budget: Arc<Budget>, ready: Arc<Notify>) -> Self {
        let state = State {
            records: VecDeque::new(),
            bytes: 0,
            position,
            done: position,
            is_open: true,
            is_held: true,
        };
        Self { partition, budget, ready, state: Mutex::new(state), settled: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was read.
    pub(super) fn push(&self, records: impl Iterator<Item = Record>) {
        let mut state = self.state();
        if !state.is_open {
            return;
        }
        let (count, bytes) = (state.records.len(), state.bytes);
        for record in records {
            let size = size(&record);
            state.bytes += size;
            state.records.push_back((record, size));
        }
        self.budget.add(state.records.len() - count, state.bytes - bytes);
        drop(state);
        self.ready.notify_one();
    }

    /// Takes what is there: at most `max`, and no more than `max_bytes` unless the first alone is
    /// larger.
    pub(super) fn take(&self, max: u32, max_bytes: usize) -> Taken {
        let mut state = self.state();
        if !state.is_open {
            return Taken::Over;
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some((_, size)) = state.records.front() {
            let is_enough = taken.len() >= max.max(1) as usize || bytes + size > max_bytes;
            if is_enough && !taken.is_empty() {
                break;
            }
            let Some((record, size)) = state.records.pop_front() else { break };
            bytes += size;
            taken.push(record);
        }
        let Some(last) = taken.last() else { return Taken::Nothing };
        state.bytes -= bytes;
        self.budget.remove(taken.len(), bytes);
        let from_offset = state.position;
        state.position = last.offset + 1;
        Taken::Batch(Batch {
            partition: self.partition,
            from_offset,
            next_offset: state.position,
            records: taken,
        })
    }

    /// Waits for what there is to be taken; none when that is over. Safe to cancel.
    pub(super) async fn next(&self, max: u32, max_bytes: usize) -> Option<Batch> {
        loop {
            match self.take(max, max_bytes) {
                Taken::Batch(batch) => return Some(batch),
                Taken::Nothing => self.ready.notified().await,
                Taken::Over => return None,
            }
        }
    }

    /// Ready when nothing more can be taken.
    pub(super) async fn over(&self) {
        while self.state().is_open {
            self.ready.notified().await;
        }
    }

    /// Where the next batch begins.
    pub(super) fn position(&self) -> Offset {
        self.state().position
    }

    /// Nothing before `next` has to be read again. Only rises, and not beyond what was taken.
    pub(super) fn set_done(&self, next: Offset) {
        let mut state = self.state();
        state.done = state.done.max(next.min(state.position));
        drop(state);
        self.settled.notify_all();
    }

    /// What was done.
    pub(super) fn done(&self) -> Offset {
        self.state().done
    }

    /// Nobody works on it any more.
    pub(super) fn let_go(&self) {
        self.state().is_held = false;
        self.settled.notify_all();
    }

    /// Nothing more can be taken.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_open = false;
        let (count, bytes) = (state.records.len(), state.bytes);
        state.records = VecDeque::new();
        state.bytes = 0;
        drop(state);
        self.budget.remove(count, bytes);
        self.ready.notify_one();
    }

    /// Waits until all that was taken is done, or whoever took it has let go; at most until
    /// `deadline`. Whether it is so.
    pub(super) fn settle(&self, deadline: Instant) -> bool {
        let mut state = self.state();
        while state.is_held && state.done < state.position {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = match self.settled.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }

    /// Whether no more should be read for now.
    pub(super) fn is_full(&self) -> bool {
        let state = self.state();
        let (records, bytes) = (state.records.len(), state.bytes);
        PARTITION.is_reached(records, bytes)
            || (SHARE.is_reached(records, bytes) && self.budget.reaches(TOTAL))
    }

    /// Whether more should be read again.
    pub(super) fn is_low(&self) -> bool {
        let state = self.state();
        let (records, bytes) = (state.records.len(), state.bytes);
        !PARTITION.lower().is_reached(records, bytes)
            && (!SHARE.lower().is_reached(records, bytes) || !self.budget.reaches(TOTAL.lower()))
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.state().records.is_empty()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.budget.remove(state.records.len(), state.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: Offset) -> Record {
        Record { offset, key: None, value: Some(Vec::new().into()), headers: Vec::new().into(), time: 0 }
    }

    fn queue(budget: &Arc<Budget>) -> Queue {
        Queue::new(0, 0, budget.clone(), Arc::default())
    }

    fn fill(queue: &Queue, count: usize) {
        queue.push((0..count as Offset).map(record));
    }

    #[test]
    fn a_full_queue_is_read_again_only_when_it_is_low() {
        let budget = Arc::default();
        let queue = queue(&budget);
        fill(&queue, PARTITION.records - 1);
        assert!(!queue.is_full());
        fill(&queue, 1);
        assert!(queue.is_full() && !queue.is_low());
        let taken = PARTITION.records * (100 - RESUME) / 100;
        queue.take(taken as u32, usize::MAX);
        assert!(!queue.is_full() && !queue.is_low());
        queue.take(1, usize::MAX);
        assert!(queue.is_low());
    }

    #[test]
    fn what_is_large_fills_a_queue_too() {
        let queue = queue(&Arc::default());
        queue.push(std::iter::once(Record { value: Some(vec![0; PARTITION.bytes].into()), ..record(0) }));
        assert!(queue.is_full());
        assert!(matches!(queue.take(1, 1), Taken::Batch(_)));
        assert!(queue.is_low());
    }

    #[test]
    fn none_is_starved_by_its_neighbours() {
        let budget = Arc::default();
        let neighbours: Vec<_> = std::iter::repeat_with(|| queue(&budget)).take(8).collect();
        for neighbour in &neighbours {
            fill(neighbour, TOTAL.records / neighbours.len());
        }
        let queue = queue(&budget);
        fill(&queue, SHARE.records - 1);
        assert!(!queue.is_full() && neighbours.iter().all(Queue::is_full));
        fill(&queue, 1);
        assert!(queue.is_full());
        // Whatever is closed or dropped gives its part back.
        neighbours.iter().for_each(Queue::close);
        assert!(!queue.is_full() && queue.is_low());
        drop((neighbours, queue));
        assert!(!budget.reaches(Bound { records: 1, bytes: 1 }));
    }

    #[test]
    fn only_what_was_taken_can_be_done() {
        let queue = queue(&Arc::default());
        fill(&queue, 10);
        queue.take(4, usize::MAX);
        queue.set_done(9);
        assert_eq!(queue.done(), 4);
        queue.set_done(2);
        assert_eq!(queue.done(), 4);
        queue.take(4, usize::MAX);
        assert!(!queue.settle(Instant::now()));
        queue.let_go();
        assert!(queue.settle(Instant::now()));
    }
}
