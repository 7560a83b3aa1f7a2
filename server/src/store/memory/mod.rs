//! A store that ends with the process: no file, no thread. It is what the others are measured
//! against, and what simulations crash.
//!
//! Every change is looked at whole before any of it is done, under one lock, so that each is atomic.

mod claims;
mod inbox;
mod run;
mod state;
mod topics;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use self::state::State;
use super::watch::{Hub, Subject};
use super::{
    Admission, Admit, Answer, Append, Appended, Claim, Claimed, Counts, Epoch, Event, Filter, Home, Mark,
    Message, Most, NewMessage, NewRecord, Offset, Outgoing, Outlet, Page, Proof, Prune, Pruned, Record, Run,
    RunId, Settle, Store, StoreError, StreamRow, Tick, Unreceived, Watch,
};

/// See above.
#[derive(Debug)]
pub struct MemoryStore {
    id: String,
    state: Mutex<State>,
    hub: Arc<Hub>,
}

impl MemoryStore {
    /// An empty one, known to others as `id`; what runs send goes to `outlet`.
    #[must_use]
    pub fn new(id: &str, outlet: Outlet) -> Self {
        Self { id: id.to_owned(), state: Mutex::new(State::new(outlet)), hub: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, and tells of it.
    fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut State, &mut Vec<Subject>) -> Result<T, StoreError>,
    ) -> Answer<'_, T> {
        let mut changed = Vec::new();
        let answer = change(&mut self.state(), &mut changed);
        if answer.is_ok() {
            self.hub.notify(changed);
        }
        Box::pin(std::future::ready(answer))
    }

    fn read<T: Send + 'static>(&self, read: impl FnOnce(&State) -> T) -> Answer<'_, T> {
        let answer = read(&self.state());
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// Whoever still waits for something learns that nothing comes.
impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.hub.close("it was closed".into());
    }
}

impl Store for MemoryStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn take_over(&self, home: &Home) -> Answer<'_, Epoch> {
        self.change(|state, _| Ok(state.topics.take_over(home)))
    }

    fn admit(&self, change: Admit) -> Answer<'_, Vec<Admission>> {
        self.change(|state, changed| state.admit(change, changed))
    }

    fn append(&self, change: Append) -> Answer<'_, Appended> {
        self.change(|state, changed| state.append(change, changed))
    }

    fn append_stream(&self, run: RunId, rows: Vec<StreamRow>) -> Answer<'_, ()> {
        self.change(|state, changed| state.append_stream(run, rows, changed))
    }

    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        self.change(|state, changed| Ok(state.topics.publish(records, changed)))
    }

    fn settle(&self, change: Settle) -> Answer<'_, ()> {
        self.change(|state, _| {
            state.topics.settle(change);
            Ok(())
        })
    }

    fn post(&self, message: NewMessage) -> Answer<'_, ()> {
        self.change(|state, changed| state.post(message, changed))
    }

    fn discard(&self, messages: Vec<i64>) -> Answer<'_, ()> {
        self.change(|state, _| {
            state.inbox.discard(&messages);
            Ok(())
        })
    }

    fn define(&self, digest: &str, text: &str) -> Answer<'_, ()> {
        self.change(|state, _| {
            state.definitions.entry(digest.to_owned()).or_insert_with(|| text.to_owned());
            Ok(())
        })
    }

    fn set_at_work(&self, proof: Proof, at_work: bool) -> Answer<'_, bool> {
        self.change(|state, _| Ok(state.set_at_work(proof.as_deref(), at_work)))
    }

    fn take_up(&self, runs: Vec<RunId>) -> Answer<'_, Vec<(RunId, u32)>> {
        self.change(|state, _| Ok(state.take_up(runs)))
    }

    fn put_down(&self, runs: Vec<RunId>) -> Answer<'_, ()> {
        self.change(|state, _| {
            state.put_down(runs);
            Ok(())
        })
    }

    fn prune(&self, change: Prune) -> Answer<'_, Pruned> {
        self.change(|state, _| Ok(state.prune(&change)))
    }

    fn definition(&self, digest: &str) -> Answer<'_, Option<String>> {
        self.read(|state| state.definitions.get(digest).cloned())
    }

    fn unfinished(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(|state| state.unfinished(after, limit as usize))
    }

    fn ready(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(|state| state.ready(after, limit as usize))
    }

    fn unfinished_of(&self, home: &Home, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(|state| state.unfinished_of(home, after, limit as usize))
    }

    fn unfinished_topics(&self) -> Answer<'_, Vec<String>> {
        self.read(State::unfinished_topics)
    }

    fn inbox(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Answer<'_, Page> {
        self.read(|state| state.inbox.page(homes, after, most))
    }

    fn inbox_of(&self, run: RunId, after: Mark, most: Most) -> Answer<'_, Vec<Message>> {
        self.read(|state| state.inbox.of(run, after, most))
    }

    fn unreceived(&self, most: u32) -> Answer<'_, Unreceived> {
        self.read(|state| state.inbox.unreceived(most as usize))
    }

    fn events(&self, run: RunId) -> Answer<'_, Vec<Event>> {
        self.read(|state| state.run(run).map(|kept| kept.events.clone()).unwrap_or_default())
    }

    fn run(&self, public_id: &str) -> Answer<'_, Option<Run>> {
        self.read(|state| state.newest(|kept| kept.run.public_id == public_id))
    }

    fn run_by_correlation(&self, pathway: Option<&str>, correlation: &str) -> Answer<'_, Option<Run>> {
        self.read(|state| {
            state.newest(|kept| {
                kept.run.correlation == correlation && pathway.is_none_or(|name| kept.run.pathway == name)
            })
        })
    }

    fn run_by_idempotency(&self, pathway: &str, subject: Option<&str>, key: &str) -> Answer<'_, Option<Run>> {
        self.read(|state| state.newest(|kept| kept.is_promised(pathway, subject, key)))
    }

    fn runs(&self, filter: Filter) -> Answer<'_, Vec<Run>> {
        self.read(|state| state.list(&filter))
    }

    fn children(&self, run: RunId) -> Answer<'_, Vec<Run>> {
        self.read(|state| state.children(run))
    }

    fn reruns(&self, public_id: &str, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(|state| state.reruns(public_id, limit as usize))
    }

    fn stream(&self, run: RunId, after: Option<(u32, u32)>, limit: u32) -> Answer<'_, Vec<StreamRow>> {
        self.read(|state| state.run(run).map(|kept| kept.stream(after, limit)).unwrap_or_default())
    }

    fn records(
        &self,
        topic: &str,
        partition: i32,
        from: Offset,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Record>> {
        self.read(|state| state.topics.records((topic, partition), from, limit as usize, max_bytes))
    }

    fn end_offset(&self, topic: &str, partition: i32) -> Answer<'_, Offset> {
        self.read(|state| state.topics.end(topic, partition))
    }

    fn next_offset(&self, topic: &str, partition: i32) -> Answer<'_, Option<Offset>> {
        self.read(|state| state.topics.next(topic, partition))
    }

    fn outbox(&self, after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>> {
        self.read(|state| state.topics.outbox(None, after, limit as usize, max_bytes))
    }

    fn outbox_of(
        &self,
        homes: &[Home],
        after: i64,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Outgoing>> {
        self.read(|state| state.topics.outbox(Some(homes), after, limit as usize, max_bytes))
    }

    fn claimed(&self, claim: &Claim) -> Answer<'_, Option<Claimed>> {
        self.read(|state| state.claimed(claim))
    }

    fn counts(&self) -> Answer<'_, Counts> {
        self.read(State::counts)
    }

    fn unfinished_counts(&self) -> Answer<'_, Counts> {
        self.read(|state| {
            let Counts { ready, parked, .. } = state.counts();
            Counts { ready, parked, ..Counts::default() }
        })
    }

    fn last_tick(&self, pathway: &str, schedule: &str) -> Answer<'_, Option<Tick>> {
        self.read(|state| state.ticks.get(&(pathway.to_owned(), schedule.to_owned())).cloned())
    }

    fn set_last_tick(&self, pathway: &str, schedule: &str, tick: Tick) -> Answer<'_, ()> {
        self.change(|state, _| {
            state.ticks.insert((pathway.to_owned(), schedule.to_owned()), tick);
            Ok(())
        })
    }

    fn watch_run(&self, public_id: &str) -> Watch {
        self.hub.watch(Subject::Run(public_id.to_owned()))
    }

    fn watch_claim(&self, claim: &Claim) -> Watch {
        self.hub.watch(Subject::Claim(claim.clone()))
    }

    fn watch_topic(&self, topic: &str) -> Watch {
        self.hub.watch(Subject::Topic(topic.to_owned()))
    }

    fn watch_outbox(&self) -> Watch {
        self.hub.watch(Subject::Outbox)
    }

    fn watch_inbox(&self) -> Watch {
        self.hub.watch(Subject::Inbox)
    }

    fn stopped(&self) -> BoxFuture<'static, Arc<str>> {
        Box::pin(std::future::pending())
    }
}
