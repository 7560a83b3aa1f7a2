//! The one thread that writes.
//!
//! It takes all changes that are queued, applies them in one transaction, commits, and only then
//! answers. A change that conflicts fails alone. Anything else that goes wrong
//! stops the writer for good: after a failed commit or `fsync` the truth is on the disk alone.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

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
    /// What to notify if it is committed.
    pub(super) changed: &'a mut Vec<Notice>,
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
    ) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (stop, stopped) = Stopped::new();
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || {
            write(&connection, outlet, jobs, &hub, &stop);
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

fn write(
    connection: &Connection,
    outlet: Outlet,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    hub: &Hub,
    stop: &Stop,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut changed = Vec::new();
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let committed = transact(connection, outlet, &mut batch, &mut changed);
        if let Err(StoreError::Stopped(reason)) = &committed {
            stop.send_replace(Some(Arc::clone(reason)));
            jobs.close();
            while let Ok(job) = jobs.try_recv() {
                batch.push(job);
            }
            hub.close(Arc::clone(reason));
        }
        for job in batch.drain(..) {
            job.answer(committed.clone());
        }
        hub.notify(changed.drain(..));
    }
    hub.close("it was closed".into());
}

/// Applies all changes and commits them. Few are ever refused, and most of these before they have
/// written anything; only where one has, all are applied again, each with a savepoint.
fn transact(
    connection: &Connection,
    outlet: Outlet,
    batch: &mut [Box<dyn Job>],
    changed: &mut Vec<Notice>,
) -> Result<(), StoreError> {
    let can_repeat = batch.iter().all(|job| job.can_repeat());
    let mut applied = Ok(Applied::Torn);
    if can_repeat {
        applied = apply(connection, outlet, batch, changed);
    }
    if matches!(applied, Ok(Applied::Torn)) {
        applied = apply_apart(connection, outlet, batch, changed);
    }
    match applied.and_then(|_whole| execute(connection, "COMMIT")) {
        Ok(()) => Ok(()),
        Err(error) => {
            changed.clear();
            // It may be rolled back already, and the connection is not used again.
            drop(execute(connection, "ROLLBACK"));
            Err(error)
        }
    }
}

/// What is in a transaction.
enum Applied {
    /// Every change that was not refused, in full.
    Whole,
    /// A part of one that was refused; or nothing was begun.
    Torn,
}

/// Begins a transaction and applies changes in it; it is rolled back if it is torn.
fn apply(
    connection: &Connection,
    outlet: Outlet,
    batch: &mut [Box<dyn Job>],
    changed: &mut Vec<Notice>,
) -> Result<Applied, StoreError> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for job in batch {
        let (told, written) = (changed.len(), connection.total_changes());
        job.apply(&mut Context { connection, outlet, changed })?;
        if job.is_refused() {
            changed.truncate(told);
            if connection.total_changes() != written {
                changed.clear();
                execute(connection, "ROLLBACK")?;
                return Ok(Applied::Torn);
            }
        }
    }
    Ok(Applied::Whole)
}

/// The same, where what a change has written is undone if it is refused.
fn apply_apart(
    connection: &Connection,
    outlet: Outlet,
    batch: &mut [Box<dyn Job>],
    changed: &mut Vec<Notice>,
) -> Result<Applied, StoreError> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for job in batch {
        let told = changed.len();
        execute(connection, "SAVEPOINT change")?;
        job.apply(&mut Context { connection, outlet, changed })?;
        if job.is_refused() {
            changed.truncate(told);
            execute(connection, "ROLLBACK TO change")?;
        }
        execute(connection, "RELEASE change")?;
    }
    Ok(Applied::Whole)
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
