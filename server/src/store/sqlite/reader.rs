//! Reads, which never make the writer wait.
//!
//! A store on disk has a few read-only connections, used on blocking threads. A store in memory
//! has one connection only, the writer's, so its reads queue up with the changes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::writer::{Change, Context, Writer};
use crate::store::StoreError;

/// Reads at a time.
const CONNECTIONS: usize = 4;

/// Connections to a store on disk.
#[derive(Debug)]
pub(super) struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default(), permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = Arc::clone(&self);
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|error| StoreError::Read(Arc::new(error)))?;
        let read = move || {
            let connection = pool.take()?;
            let answer = query(&connection);
            pool.give_back(connection);
            drop(permit);
            answer
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(answer) => answer.map_err(|error| StoreError::Read(Arc::new(error))),
            Err(error) => Err(StoreError::Read(Arc::new(error))),
        }
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => self.connect(),
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(super::BUSY_TIMEOUT)?;
        super::tuned(connection)
    }
}

/// A read among the changes.
struct Read<Q>(Option<Q>);

impl<T, Q> Change for Read<Q>
where
    T: Send + 'static,
    Q: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    type Output = T;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<T, StoreError> {
        let query = self.0.take().ok_or_else(|| StoreError::Stopped("a read was repeated".into()))?;
        query(context.connection).map_err(|error| StoreError::Read(Arc::new(error)))
    }

    fn can_repeat(&self) -> bool {
        false
    }
}

/// Reads through the writer.
pub(super) async fn read_in_turn<T: Send + 'static>(
    writer: &Writer,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    writer.submit(Read(Some(query))).await
}
