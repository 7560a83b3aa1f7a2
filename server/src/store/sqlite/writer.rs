//! The one thread that writes.
//!
//! It takes all changes that are queued, applies them in one transaction, commits, and only then
//! answers. A change that conflicts fails alone. Anything else that goes wrong
//! stops the writer for good: after a failed commit or `fsync` the truth is on the disk alone.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::ends::Ends;
use super::heads::Heads;
use super::tail::{Published, Tail};
use crate::store::folder::Folder;
use crate::store::stop::{Stop, Stopped};
use crate::store::watch::{Hub, Notice};
use crate::store::{Answer, Outlet, StoreError};

/// Changes in one transaction.
const BATCH: usize = 256;
/// Changes that wait; who comes then waits for a place.
const QUEUE: usize = 1024;

/// A change that is being applied.
pub(super) struct Context<'a> {
    pub(super) connection: &'a Connection,
    /// Where the records go that runs send.
    pub(super) outlet: Outlet,
    /// Who watches what.
    pub(super) hub: &'a Hub,
    /// What to notify if it is committed.
    pub(super) changed: &'a mut Vec<Notice>,
    /// What it has published on topics.
    pub(super) published: &'a mut Vec<Published>,
    /// Where the topics end with that.
    pub(super) ends: &'a mut Ends,
    /// What is known of the runs under way.
    pub(super) heads: &'a mut Heads,
}

/// Something to do in the writer's transaction.
pub(super) trait Change: Send + 'static {
    type Output: Send + 'static;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Self::Output, StoreError>;

    /// Whether it can be applied again when what it did was rolled back.
    fn can_repeat(&self) -> bool {
        true
    }
}

/// A change with who waits for it.
trait Job: Send {
    /// Applies the change and keeps its answer. Fails if the whole transaction has to.
    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError>;
    fn can_repeat(&self) -> bool;
    fn is_refused(&self) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Waiting<C: Change> {
    change: C,
    result: Option<Result<C::Output, StoreError>>,
    reply: oneshot::Sender<Result<C::Output, StoreError>>,
}

impl<C: Change> Job for Waiting<C> {
    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        match self.change.apply(context) {
            Err(StoreError::Stopped(reason)) => Err(StoreError::Stopped(reason)),
            result => {
                self.result = Some(result);
                Ok(())
            }
        }
    }

    fn can_repeat(&self) -> bool {
        self.change.can_repeat()
    }

    fn is_refused(&self) -> bool {
        matches!(self.result, Some(Err(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Stopped("a change was skipped".into())),
        };
        // Who gave up waiting does not want to know.
        drop(self.reply.send(result));
    }
}

/// Where changes are handed in.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    stopped: Stopped,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It holds `folder` until it ends.
    pub(super) fn start(
        connection: Connection,
        outlet: Outlet,
        folder: Option<Folder>,
        hub: Arc<Hub>,
        tail: Arc<Tail>,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (stop, stopped) = Stopped::new();
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || {
            let (changed, published) = (Vec::new(), Vec::new());
            let (ends, heads) = (Ends::default(), Heads::default());
            let writing =
                Writing { connection: &connection, outlet, hub: &hub, changed, published, ends, heads };
            write(writing, jobs, &tail, &stop);
            drop(connection);
            drop(folder);
        })?;
        Ok(Self { queue: Some(queue), stopped, thread: Some(thread) })
    }

    /// Applies a change; ready when it is durable.
    pub(super) fn submit<C: Change>(&self, change: C) -> Answer<'static, C::Output> {
        let queue = self.queue.clone();
        let stopped = self.stopped.clone();
        Box::pin(async move {
            let gone = || stopped.gone();
            let (reply, answer) = oneshot::channel();
            let job = Box::new(Waiting { change, result: None, reply });
            match queue {
                Some(queue) => queue.send(job).await.map_err(|_closed| gone())?,
                None => return Err(gone()),
            }
            answer.await.map_err(|_dropped| gone())?
        })
    }

    /// Whether it has stopped.
    pub(super) fn stopped(&self) -> Stopped {
        self.stopped.clone()
    }
}

impl Drop for Writer {
    /// Waits until what is queued is durable and the folder is free.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The thread's work, and what is told of a transaction once it is committed.
struct Writing<'a> {
    connection: &'a Connection,
    outlet: Outlet,
    hub: &'a Hub,
    changed: Vec<Notice>,
    published: Vec<Published>,
    ends: Ends,
    heads: Heads,
}

/// What is in a transaction.
enum Applied {
    /// Every change that was not refused, in full.
    Whole,
    /// A part of one that was refused.
    Torn,
}

fn write(mut writing: Writing<'_>, mut jobs: mpsc::Receiver<Box<dyn Job>>, tail: &Tail, stop: &Stop) {
    let mut batch = Vec::with_capacity(BATCH);
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let committed = writing.transact(&mut batch);
        if let Err(StoreError::Stopped(reason)) = &committed {
            stop.send_replace(Some(Arc::clone(reason)));
            jobs.close();
            while let Ok(job) = jobs.try_recv() {
                batch.push(job);
            }
            writing.hub.close(Arc::clone(reason));
        }
        tail.extend(writing.published.drain(..));
        for job in batch.drain(..) {
            job.answer(committed.clone());
        }
        writing.hub.notify(writing.changed.drain(..));
    }
    writing.hub.close("it was closed".into());
}

impl Writing<'_> {
    /// Applies all changes and commits them. Few are ever refused, and most of these before they have
    /// written anything; only where one has, all are applied again, each with a savepoint.
    fn transact(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let applied = match batch.iter().all(|job| job.can_repeat()) {
            true => self.apply(batch).and_then(|applied| match applied {
                Applied::Whole => Ok(()),
                Applied::Torn => {
                    self.forget((0, 0));
                    execute(self.connection, "ROLLBACK")?;
                    self.apply_apart(batch)
                }
            }),
            false => self.apply_apart(batch),
        };
        match applied.and_then(|()| execute(self.connection, "COMMIT")) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.forget((0, 0));
                // It may be rolled back already, and the connection is not used again.
                drop(execute(self.connection, "ROLLBACK"));
                Err(error)
            }
        }
    }

    /// Applies changes in a new transaction, up to one that tears it.
    fn apply(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Applied, StoreError> {
        execute(self.connection, "BEGIN IMMEDIATE")?;
        for job in batch {
            let (told, written) = (self.told(), self.connection.total_changes());
            job.apply(&mut self.context())?;
            if job.is_refused() {
                self.forget(told);
                if self.connection.total_changes() != written {
                    return Ok(Applied::Torn);
                }
            }
        }
        Ok(Applied::Whole)
    }

    /// The same, where what a change has written is undone if it is refused.
    fn apply_apart(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        execute(self.connection, "BEGIN IMMEDIATE")?;
        for job in batch {
            let told = self.told();
            execute(self.connection, "SAVEPOINT change")?;
            job.apply(&mut self.context())?;
            if job.is_refused() {
                self.forget(told);
                execute(self.connection, "ROLLBACK TO change")?;
            }
            execute(self.connection, "RELEASE change")?;
        }
        Ok(())
    }

    fn context(&mut self) -> Context<'_> {
        Context {
            connection: self.connection,
            outlet: self.outlet,
            hub: self.hub,
            changed: &mut self.changed,
            published: &mut self.published,
            ends: &mut self.ends,
            heads: &mut self.heads,
        }
    }

    /// How much there is to tell.
    fn told(&self) -> (usize, usize) {
        (self.changed.len(), self.published.len())
    }

    /// Tells no more than this: what came after it was not written.
    fn forget(&mut self, (changed, published): (usize, usize)) {
        self.ends.forget();
        self.heads.forget();
        self.changed.truncate(changed);
        self.published.truncate(published);
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

impl From<rusqlite::Error> for StoreError {
    /// What the change itself is to blame for refuses it; all else stops the writer.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Self::Refused(Arc::new(error)),
            _ => Self::Stopped(error.to_string().into()),
        }
    }
}
