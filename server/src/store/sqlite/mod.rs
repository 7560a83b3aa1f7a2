//! The store on SQLite, in a data folder or in memory.

mod admit;
mod append;
mod blob;
mod claims;
mod crashes;
mod define;
mod ends;
mod headers;
mod heads;
mod inbox;
mod migrate;
mod outbox;
mod prune;
mod publish;
mod reader;
mod records;
mod runs;
mod schedule;
mod source;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::append::AppendStream;
use self::crashes::{PutDown, SetAtWork, TakeUp};
use self::define::Define;
use self::inbox::{Discard, TakeOver};
use self::publish::Publish;
use self::reader::Pool;
use self::schedule::SetLastTick;
use self::tail::Tail;
use self::writer::Writer;
use super::folder::Folder;
use super::watch::{Hub, Subject, Watch};
use super::{
    Admission, Admit, Answer, Append, Appended, Claim, Claimed, Counts, Epoch, Event, Filter, Home, Mark,
    Message, Most, NewMessage, NewRecord, Offset, Outgoing, Outlet, Page, Proof, Prune, Pruned, Record, Run,
    RunId, Settle, Store, StoreError, StreamRow, Tick, Unreceived,
};
use crate::bus::EMBEDDED_PARTITION;

/// How long to wait for a lock that another tool holds on the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// A store in a data folder, which it holds, or in memory. Dropping it waits until what was
/// handed in is durable.
pub struct SqliteStore {
    id: String,
    writer: Writer,
    /// None: in memory.
    pool: Option<Arc<Pool>>,
    hub: Arc<Hub>,
    tail: Arc<Tail>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqliteStore").field("in_memory", &self.pool.is_none()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in `folder`, which is made if there is none; topics are in it too.
    ///
    /// # Errors
    /// As [`SqliteStore::open_with`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Outlet::Topics)
    }

    /// Opens the store in `folder`, which is made if there is none; what runs send goes to
    /// `outlet`.
    ///
    /// # Errors
    /// If another process holds the folder, if a newer version wrote the store, or if it cannot
    /// be read or written.
    pub fn open_with(folder: &Path, outlet: Outlet) -> Result<Self, StoreError> {
        let held = Folder::hold(folder)?;
        let path = held.database()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)
            .and_then(durable)
            .map_err(|source| cannot_open(folder, source))?;
        migrate::migrate(&mut connection, folder)?;
        Self::start(connection, outlet, folder, Some(held), Some(Pool::new(path)))
    }

    /// A store that ends with the process, with topics in it.
    ///
    /// # Errors
    /// If there is no memory or thread for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        let place = Path::new(":memory:");
        let mut connection =
            Connection::open_in_memory().and_then(tuned).map_err(|source| cannot_open(place, source))?;
        migrate::migrate(&mut connection, place)?;
        Self::start(connection, Outlet::Topics, place, None, None)
    }

    fn start(
        connection: Connection,
        outlet: Outlet,
        place: &Path,
        folder: Option<Folder>,
        pool: Option<Pool>,
    ) -> Result<Self, StoreError> {
        let hub = Arc::<Hub>::default();
        let id = migrate::store_id(&connection).map_err(|source| cannot_open(place, source))?;
        let tail = Arc::<Tail>::default();
        let writer = Writer::start(connection, outlet, folder, Arc::clone(&hub), Arc::clone(&tail))
            .map_err(|source| cannot_open(place, source))?;
        Ok(Self { id, writer, pool: pool.map(Arc::new), hub, tail })
    }

    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'_, T> {
        match &self.pool {
            Some(pool) => Box::pin(Arc::clone(pool).read(query)),
            None => Box::pin(reader::read_in_turn(&self.writer, query)),
        }
    }
}

fn cannot_open(place: &Path, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Open { place: place.display().to_string(), source: Arc::new(source) }
}

fn durable(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Kibibytes; only what is used is taken.
    connection.pragma_update(None, "cache_size", -8_192)?;
    tuned(connection)
}

fn tuned(connection: Connection) -> rusqlite::Result<Connection> {
    // Else some plans depend on the values bound, and are made anew whenever these change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

impl Store for SqliteStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn take_over(&self, home: &Home) -> Answer<'_, Epoch> {
        self.writer.submit(TakeOver(home.clone()))
    }

    fn admit(&self, change: Admit) -> Answer<'_, Vec<Admission>> {
        self.writer.submit(change)
    }

    fn append(&self, change: Append) -> Answer<'_, Appended> {
        self.writer.submit(change)
    }

    fn append_stream(&self, run: RunId, rows: Vec<StreamRow>) -> Answer<'_, ()> {
        self.writer.submit(AppendStream { run, rows })
    }

    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        self.writer.submit(Publish(records))
    }

    fn settle(&self, change: Settle) -> Answer<'_, ()> {
        self.writer.submit(change)
    }

    fn post(&self, message: NewMessage) -> Answer<'_, ()> {
        self.writer.submit(message)
    }

    fn discard(&self, messages: Vec<i64>) -> Answer<'_, ()> {
        self.writer.submit(Discard(messages))
    }

    fn define(&self, digest: &str, text: &str) -> Answer<'_, ()> {
        self.writer.submit(Define { digest: digest.to_owned(), text: text.to_owned() })
    }

    fn set_at_work(&self, proof: Proof, at_work: bool) -> Answer<'_, bool> {
        self.writer.submit(SetAtWork { proof, at_work })
    }

    fn take_up(&self, runs: Vec<RunId>) -> Answer<'_, Vec<(RunId, u32)>> {
        self.writer.submit(TakeUp(runs))
    }

    fn put_down(&self, runs: Vec<RunId>) -> Answer<'_, ()> {
        self.writer.submit(PutDown(runs))
    }

    fn prune(&self, change: Prune) -> Answer<'_, Pruned> {
        Box::pin(async move {
            let mut total = Pruned::default();
            loop {
                let pruned = self.writer.submit(change.clone()).await?;
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
        let digest = digest.to_owned();
        self.read(move |connection| define::text(connection, &digest))
    }

    fn unfinished(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(move |connection| runs::unfinished(connection, after, limit))
    }

    fn ready(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(move |connection| runs::ready(connection, after, limit))
    }

    fn unfinished_of(&self, home: &Home, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        let home = home.clone();
        self.read(move |connection| runs::unfinished_of(connection, &home, after, limit))
    }

    fn unfinished_topics(&self) -> Answer<'_, Vec<String>> {
        self.read(runs::unfinished_topics)
    }

    fn inbox(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Answer<'_, Page> {
        let homes = homes.map(<[Home]>::to_vec);
        self.read(move |connection| inbox::page(connection, homes.as_deref(), after, most))
    }

    fn inbox_of(&self, run: RunId, after: Mark, most: Most) -> Answer<'_, Vec<Message>> {
        self.read(move |connection| inbox::of(connection, run, after, most))
    }

    fn unreceived(&self, most: u32) -> Answer<'_, Unreceived> {
        self.read(move |connection| inbox::unreceived(connection, most))
    }

    fn events(&self, run: RunId) -> Answer<'_, Vec<Event>> {
        self.read(move |connection| runs::events(connection, run))
    }

    fn journals(&self, runs: &[RunId]) -> Answer<'_, Vec<Vec<Event>>> {
        let runs = runs.to_vec();
        self.read(move |connection| runs::journals(connection, &runs))
    }

    fn run(&self, public_id: &str) -> Answer<'_, Option<Run>> {
        let public_id = public_id.to_owned();
        self.read(move |connection| runs::by_public_id(connection, &public_id))
    }

    fn run_by_correlation(&self, pathway: Option<&str>, correlation: &str) -> Answer<'_, Option<Run>> {
        let (pathway, correlation) = (pathway.map(str::to_owned), correlation.to_owned());
        self.read(move |connection| runs::by_correlation(connection, pathway.as_deref(), &correlation))
    }

    fn run_by_idempotency(&self, pathway: &str, subject: Option<&str>, key: &str) -> Answer<'_, Option<Run>> {
        let (pathway, subject, key) = (pathway.to_owned(), subject.map(str::to_owned), key.to_owned());
        self.read(move |connection| runs::by_idempotency(connection, &pathway, subject.as_deref(), &key))
    }

    fn runs(&self, filter: Filter) -> Answer<'_, Vec<Run>> {
        self.read(move |connection| runs::list(connection, &filter))
    }

    fn children(&self, run: RunId) -> Answer<'_, Vec<Run>> {
        self.read(move |connection| runs::children(connection, run))
    }

    fn reruns(&self, public_id: &str, limit: u32) -> Answer<'_, Vec<Run>> {
        let public_id = public_id.to_owned();
        self.read(move |connection| runs::reruns(connection, &public_id, limit))
    }

    fn stream(&self, run: RunId, after: Option<(u32, u32)>, limit: u32) -> Answer<'_, Vec<StreamRow>> {
        self.read(move |connection| runs::stream(connection, run, after, limit))
    }

    fn records(
        &self,
        topic: &str,
        partition: i32,
        from: Offset,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Record>> {
        if partition == EMBEDDED_PARTITION
            && let Some(newest) = self.tail.read(topic, from, limit, max_bytes)
        {
            return Box::pin(std::future::ready(Ok(newest)));
        }
        let topic = topic.to_owned();
        self.read(move |connection| records::from(connection, (&topic, partition), from, limit, max_bytes))
    }

    fn end_offset(&self, topic: &str, partition: i32) -> Answer<'_, Offset> {
        let topic = topic.to_owned();
        self.read(move |connection| records::end_offset(connection, &topic, partition))
    }

    fn next_offset(&self, topic: &str, partition: i32) -> Answer<'_, Option<Offset>> {
        let topic = topic.to_owned();
        self.read(move |connection| records::next_offset(connection, &topic, partition))
    }

    fn outbox(&self, after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>> {
        self.read(move |connection| outbox::after(connection, after, limit, max_bytes))
    }

    fn outbox_of(
        &self,
        homes: &[Home],
        after: i64,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Outgoing>> {
        let homes = homes.to_vec();
        self.read(move |connection| outbox::of(connection, &homes, after, limit, max_bytes))
    }

    fn claimed(&self, claim: &Claim) -> Answer<'_, Option<Claimed>> {
        let claim = claim.clone();
        self.read(move |connection| claims::find(connection, &claim))
    }

    fn counts(&self) -> Answer<'_, Counts> {
        self.read(runs::counts)
    }

    fn unfinished_counts(&self) -> Answer<'_, Counts> {
        self.read(runs::unfinished_counts)
    }

    fn last_tick(&self, pathway: &str, schedule: &str) -> Answer<'_, Option<Tick>> {
        let (pathway, schedule) = (pathway.to_owned(), schedule.to_owned());
        self.read(move |connection| schedule::last_tick(connection, &pathway, &schedule))
    }

    fn set_last_tick(&self, pathway: &str, schedule: &str, tick: Tick) -> Answer<'_, ()> {
        self.writer.submit(SetLastTick { pathway: pathway.to_owned(), name: schedule.to_owned(), tick })
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
