//! The store on PostgreSQL.
//!
//! The same tables and promises as in SQLite. One task writes, over a session that holds the
//! store for this process; reads have connections of their own; watches are told of by the writer.

mod alone;
mod batch;
mod change;
mod channel;
mod claims;
mod crashes;
mod decode;
mod inbox;
mod known;
mod mark;
mod migrate;
mod owner;
mod patience;
mod plan;
mod pool;
mod records;
mod rows;
mod runs;
mod session;
mod target;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use pathway_engine::project::Secret;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::change::{Change, Done};
use self::channel::Channel;
use self::owner::Owner;
use self::pool::{Pool, Select, given, one};
use self::target::Target;
use self::writer::Writer;
use super::watch::{Hub, Subject, Watch};
use super::{
    Admission, Admit, Answer, Append, Appended, Claim, Claimed, Counts, Epoch, Event, Filter, Home, Mark,
    Message, Most, NewMessage, NewRecord, Offset, Outgoing, Outlet, Page, Proof, Prune, Pruned, Record, Run,
    RunId, Settle, Store, StoreError, StreamRow, Tick, Unreceived,
};

pub use self::target::PostgresUrlError;

/// How long a server that is away is waited for, before what was asked of it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store in a schema of a database, which it holds: no other process opens it meanwhile. What was
/// handed in when it is dropped is still written.
#[derive(Debug)]
pub struct PostgresStore {
    id: String,
    is_shared: bool,
    writer: Writer,
    pool: Pool,
    hub: Arc<Hub>,
    _listening: DropGuard,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Where what runs send goes.
    pub outlet: Outlet,
    /// How long a server that is away is waited for.
    pub patience: Duration,
    /// Whether other processes may have it open too, all of them with this said.
    pub is_shared: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { outlet: Outlet::Topics, patience: PATIENCE, is_shared: false }
    }
}

impl PostgresStore {
    /// Opens the store at `url`; its tables are made if there are none.
    ///
    /// # Errors
    /// If another process holds the store, if a newer version wrote it, or if the server cannot be
    /// reached or is too old.
    pub async fn open(url: &Secret, options: PostgresOptions) -> Result<Self, StoreError> {
        let target = Target::new(url).map_err(|source| cannot_open("PostgreSQL", source))?;
        let (owner, id) = Owner::open(&target, options.is_shared).await?;
        let hub = Arc::<Hub>::default();
        let PostgresOptions { outlet, patience, is_shared } = options;
        let pool = Pool::new(target.clone(), patience);
        let channel = is_shared.then(|| Channel::new(&id));
        let listening = CancellationToken::new();
        if let Some(channel) = channel.clone() {
            tokio::spawn(channel.listen(target.clone(), Arc::clone(&hub), listening.clone()));
        }
        let writer =
            Writer::start((owner, id.clone()), target, (outlet, channel), patience, Arc::clone(&hub));
        Ok(Self { id, is_shared, writer, pool, hub, _listening: listening.drop_guard() })
    }

    fn read<T: Send + 'static>(&self, select: Select<T>) -> Answer<'_, T> {
        Box::pin(self.pool.read(select))
    }

    fn change(&self, change: Change) -> Answer<'_, ()> {
        self.writer.submit(change, |done| matches!(done, Done::Nothing).then_some(()))
    }
}

fn cannot_open(place: &str, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Open { place: place.to_owned(), source: Arc::new(source) }
}

impl Store for PostgresStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn take_over(&self, home: &Home) -> Answer<'_, Epoch> {
        self.writer.submit(Change::TakeOver(home.clone()), |done| match done {
            Done::TakenOver(epoch) => Some(epoch),
            _ => None,
        })
    }

    fn admit(&self, change: Admit) -> Answer<'_, Vec<Admission>> {
        self.writer.submit(Change::Admit(change), |done| match done {
            Done::Admitted(admissions) => Some(admissions),
            _ => None,
        })
    }

    fn append(&self, change: Append) -> Answer<'_, Appended> {
        self.writer.submit(Change::Append(change), |done| match done {
            Done::Appended(appended) => Some(appended),
            _ => None,
        })
    }

    fn append_stream(&self, run: RunId, rows: Vec<StreamRow>) -> Answer<'_, ()> {
        self.change(Change::Stream { run, rows })
    }

    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        self.writer.submit(Change::Publish(records), |done| match done {
            Done::Published(offsets) => Some(offsets),
            _ => None,
        })
    }

    fn settle(&self, change: Settle) -> Answer<'_, ()> {
        self.change(Change::Settle(change))
    }

    fn post(&self, message: NewMessage) -> Answer<'_, ()> {
        self.change(Change::Post(message))
    }

    fn discard(&self, messages: Vec<i64>) -> Answer<'_, ()> {
        self.change(Change::Discard(messages))
    }

    fn define(&self, digest: &str, text: &str) -> Answer<'_, ()> {
        self.change(Change::Define { digest: digest.to_owned(), text: text.to_owned() })
    }

    fn set_at_work(&self, proof: Proof, at_work: bool) -> Answer<'_, bool> {
        self.writer.submit(Change::SetAtWork { proof, at_work }, |done| match done {
            Done::WasAtWork(before) => Some(before),
            _ => None,
        })
    }

    fn take_up(&self, runs: Vec<RunId>) -> Answer<'_, Vec<(RunId, u32)>> {
        self.writer.submit(Change::TakeUp(runs), |done| match done {
            Done::Counted(counted) => Some(counted),
            _ => None,
        })
    }

    fn put_down(&self, runs: Vec<RunId>) -> Answer<'_, ()> {
        self.change(Change::PutDown(runs))
    }

    fn prune(&self, change: Prune) -> Answer<'_, Pruned> {
        Box::pin(async move {
            let mut total = Pruned::default();
            loop {
                let pruned = self.writer.submit(Change::Prune(change.clone()), |done| match done {
                    Done::Pruned(pruned) => Some(pruned),
                    _ => None,
                });
                let pruned = pruned.await?;
                if pruned == Pruned::default() {
                    return Ok(total);
                }
                total.runs += pruned.runs;
                total.records += pruned.records;
                total.claims += pruned.claims;
            }
        })
    }

    fn definition(&self, digest: &str) -> Answer<'_, Option<String>> {
        self.read(Select {
            sql: "SELECT text FROM definition WHERE digest = $1",
            given: given![digest.to_owned()],
            read: |rows| Ok(one(rows, |row| decode::text(row, 0))?.flatten()),
        })
    }

    fn unfinished(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(runs::unfinished(after, limit))
    }

    fn ready(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(runs::ready(after, limit))
    }

    fn unfinished_of(&self, home: &Home, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(runs::unfinished_of(home, after, limit))
    }

    fn unfinished_topics(&self) -> Answer<'_, Vec<String>> {
        self.read(runs::unfinished_topics())
    }

    fn inbox(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Answer<'_, Page> {
        self.read(inbox::page(homes, after, most))
    }

    fn inbox_of(&self, run: RunId, after: Mark, most: Most) -> Answer<'_, Vec<Message>> {
        self.read(inbox::of(run, after, most))
    }

    fn unreceived(&self, most: u32) -> Answer<'_, Unreceived> {
        self.read(inbox::unreceived(most))
    }

    fn events(&self, run: RunId) -> Answer<'_, Vec<Event>> {
        self.read(runs::events(run))
    }

    fn journals(&self, runs: &[RunId]) -> Answer<'_, Vec<Vec<Event>>> {
        self.read(runs::journals(runs))
    }

    fn run(&self, public_id: &str) -> Answer<'_, Option<Run>> {
        self.read(runs::by_public_id(public_id))
    }

    fn run_by_correlation(&self, pathway: Option<&str>, correlation: &str) -> Answer<'_, Option<Run>> {
        self.read(runs::by_correlation(pathway, correlation))
    }

    fn run_by_idempotency(&self, pathway: &str, subject: Option<&str>, key: &str) -> Answer<'_, Option<Run>> {
        self.read(runs::by_idempotency(pathway, subject, key))
    }

    fn runs(&self, filter: Filter) -> Answer<'_, Vec<Run>> {
        self.read(runs::list(filter))
    }

    fn children(&self, run: RunId) -> Answer<'_, Vec<Run>> {
        self.read(runs::children(run))
    }

    fn reruns(&self, public_id: &str, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(runs::reruns(public_id, limit))
    }

    fn stream(&self, run: RunId, after: Option<(u32, u32)>, limit: u32) -> Answer<'_, Vec<StreamRow>> {
        self.read(runs::stream(run, after, limit))
    }

    fn records(
        &self,
        topic: &str,
        partition: i32,
        from: Offset,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Record>> {
        self.read(records::from(topic, partition, from, limit, max_bytes))
    }

    fn end_offset(&self, topic: &str, partition: i32) -> Answer<'_, Offset> {
        self.read(records::end_offset(topic, partition))
    }

    fn next_offset(&self, topic: &str, partition: i32) -> Answer<'_, Option<Offset>> {
        self.read(records::next_offset(topic, partition))
    }

    fn outbox(&self, after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>> {
        self.read(records::outbox(after, limit, max_bytes))
    }

    fn outbox_of(
        &self,
        homes: &[Home],
        after: i64,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Outgoing>> {
        self.read(records::outbox_of(homes, after, limit, max_bytes))
    }

    fn claimed(&self, claim: &Claim) -> Answer<'_, Option<Claimed>> {
        self.read(claims::find(claim))
    }

    fn counts(&self) -> Answer<'_, Counts> {
        self.read(runs::counts())
    }

    fn unfinished_counts(&self) -> Answer<'_, Counts> {
        self.read(runs::unfinished_counts())
    }

    fn last_tick(&self, pathway: &str, schedule: &str) -> Answer<'_, Option<Tick>> {
        self.read(Select {
            sql: "SELECT last, run FROM schedule WHERE pathway = $1 AND name = $2",
            given: given![pathway.to_owned(), schedule.to_owned()],
            read: |rows| one(rows, |row| Ok(Tick { at: row.try_get(0)?, run: row.try_get(1)? })),
        })
    }

    fn set_last_tick(&self, pathway: &str, schedule: &str, tick: Tick) -> Answer<'_, ()> {
        self.change(Change::Tick { pathway: pathway.to_owned(), schedule: schedule.to_owned(), tick })
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
        self.writer.stopped().reason()
    }
}
