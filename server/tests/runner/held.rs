//! A store that can be held up when it has committed, or slow to tell a run's messages, and that counts what is
//! read of its inbox and of journals.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use pathway_server::store::*;
use tokio::sync::Notify;

/// See above.
#[derive(Debug)]
pub(crate) struct Held<S> {
    store: S,
    holds: AtomicBool,
    committed: Notify,
    go: Notify,
    messages: AtomicUsize,
    journals: AtomicUsize,
    pause: Duration,
    is_shared: bool,
}

impl<S: Store> Held<S> {
    pub(crate) fn new(store: S) -> Self {
        Self::slow(store, Duration::ZERO)
    }

    /// One that takes this long to tell what there is for a run.
    pub(crate) fn slow(store: S, pause: Duration) -> Self {
        let (messages, journals) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (holds, committed, go) = (AtomicBool::new(false), Notify::new(), Notify::new());
        Self { store, holds, committed, go, messages, journals, pause, is_shared: false }
    }

    /// One that others write to as well.
    pub(crate) fn shared(store: S) -> Self {
        Self { is_shared: true, ..Self::new(store) }
    }

    /// Holds the answer to the next admission of runs back.
    pub(crate) fn hold(&self) {
        self.holds.store(true, Ordering::Relaxed);
    }

    /// Ready when such runs are in the store, and nobody has heard of it.
    pub(crate) async fn committed(&self) {
        self.committed.notified().await;
    }

    /// Lets that be heard.
    pub(crate) fn go(&self) {
        self.go.notify_one();
    }

    /// How many messages were read.
    pub(crate) fn messages(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }

    /// How often a journal was read.
    pub(crate) fn journals(&self) -> usize {
        self.journals.load(Ordering::Relaxed)
    }
}

/// Methods that are those of the store.
macro_rules! pass_on {
    ($($name:ident($($given:ident: $of:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($given: $of),*) -> $answer { self.store.$name($($given),*) })*
    };
}

impl<S: Store + fmt::Debug> Store for Held<S> {
    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn admit(&self, change: Admit) -> Answer<'_, Vec<Admission>> {
        Box::pin(async move {
            let has_runs = !change.runs.is_empty();
            let admitted = self.store.admit(change).await;
            if has_runs && self.holds.swap(false, Ordering::Relaxed) {
                self.committed.notify_one();
                self.go.notified().await;
            }
            admitted
        })
    }

    fn inbox(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Answer<'_, Page> {
        let read = self.store.inbox(homes, after, most);
        Box::pin(async move {
            let page = read.await?;
            self.messages.fetch_add(page.messages.len(), Ordering::Relaxed);
            Ok(page)
        })
    }

    fn inbox_of(&self, run: RunId, after: Mark, most: Most) -> Answer<'_, Vec<Message>> {
        Box::pin(async move {
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
            let messages = self.store.inbox_of(run, after, most).await?;
            self.messages.fetch_add(messages.len(), Ordering::Relaxed);
            Ok(messages)
        })
    }

    fn events(&self, run: RunId) -> Answer<'_, Vec<Event>> {
        self.journals.fetch_add(1, Ordering::Relaxed);
        self.store.events(run)
    }

    pass_on! {
        id() -> &str;
        take_over(home: &Home) -> Answer<'_, Epoch>;
        append(change: Append) -> Answer<'_, Appended>;
        append_stream(run: RunId, rows: Vec<StreamRow>) -> Answer<'_, ()>;
        publish(records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>>;
        settle(change: Settle) -> Answer<'_, ()>;
        post(message: NewMessage) -> Answer<'_, ()>;
        discard(messages: Vec<i64>) -> Answer<'_, ()>;
        define(digest: &str, text: &str) -> Answer<'_, ()>;
        set_at_work(proof: Proof, at_work: bool) -> Answer<'_, bool>;
        take_up(runs: Vec<RunId>) -> Answer<'_, Vec<(RunId, u32)>>;
        put_down(runs: Vec<RunId>) -> Answer<'_, ()>;
        prune(change: Prune) -> Answer<'_, Pruned>;
        definition(digest: &str) -> Answer<'_, Option<String>>;
        unfinished(after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>>;
        ready(after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>>;
        unfinished_of(home: &Home, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>>;
        unfinished_topics() -> Answer<'_, Vec<String>>;
        unreceived(most: u32) -> Answer<'_, Unreceived>;
        journals(runs: &[RunId]) -> Answer<'_, Vec<Vec<Event>>>;
        run(public_id: &str) -> Answer<'_, Option<Run>>;
        run_by_correlation(pathway: Option<&str>, correlation: &str) -> Answer<'_, Option<Run>>;
        run_by_idempotency(pathway: &str, subject: Option<&str>, key: &str) -> Answer<'_, Option<Run>>;
        runs(filter: Filter) -> Answer<'_, Vec<Run>>;
        children(run: RunId) -> Answer<'_, Vec<Run>>;
        reruns(public_id: &str, limit: u32) -> Answer<'_, Vec<Run>>;
        stream(run: RunId, after: Option<(u32, u32)>, limit: u32) -> Answer<'_, Vec<StreamRow>>;
        records(topic: &str, partition: i32, from: Offset, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Record>>;
        end_offset(topic: &str, partition: i32) -> Answer<'_, Offset>;
        next_offset(topic: &str, partition: i32) -> Answer<'_, Option<Offset>>;
        outbox(after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>>;
        outbox_of(homes: &[Home], after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>>;
        claimed(claim: &Claim) -> Answer<'_, Option<Claimed>>;
        counts() -> Answer<'_, Counts>;
        unfinished_counts() -> Answer<'_, Counts>;
        last_tick(pathway: &str, schedule: &str) -> Answer<'_, Option<Tick>>;
        set_last_tick(pathway: &str, schedule: &str, tick: Tick) -> Answer<'_, ()>;
        watch_run(public_id: &str) -> Watch;
        watch_claim(claim: &Claim) -> Watch;
        watch_topic(topic: &str) -> Watch;
        watch_outbox() -> Watch;
        watch_inbox() -> Watch;
        stopped() -> BoxFuture<'static, Arc<str>>;
    }
}
