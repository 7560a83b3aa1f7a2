//! Reads, on connections of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::patience::Patience;
use super::session::{Fault, Given, Session, shared};
use super::target::Target;
use crate::store::StoreError;

/// Reads at a time.
const CONNECTIONS: usize = 4;

/// Something to read: one statement, and what its rows are.
pub(super) struct Select<T> {
    pub(super) sql: &'static str,
    pub(super) given: Vec<Box<dyn ToSql + Send + Sync>>,
    pub(super) read: fn(&[Row]) -> Result<T, Error>,
}

/// The only row, if there is one.
pub(super) fn one<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T, Error>) -> Result<Option<T>, Error> {
    rows.first().map(read).transpose()
}

/// All rows.
pub(super) fn all<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    rows.iter().map(read).collect()
}

/// What a statement is given.
macro_rules! given {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Send + Sync>),*] };
}
pub(super) use given;

/// Connections that read.
#[derive(Debug)]
pub(super) struct Pool {
    target: Target,
    patience: Duration,
    idle: Mutex<Vec<Session>>,
    permits: Semaphore,
}

impl Pool {
    pub(super) fn new(target: Target, patience: Duration) -> Self {
        Self { target, patience, idle: Mutex::default(), permits: Semaphore::new(CONNECTIONS) }
    }

    /// What is selected. A server that is away is waited for.
    pub(super) async fn read<T>(&self, select: Select<T>) -> Result<T, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|error| StoreError::Read(Arc::new(error)))?;
        let mut patience = Patience::new(self.patience);
        loop {
            let error = match self.attempt(&select).await {
                Ok(read) => return Ok(read),
                Err(error) => error,
            };
            if Fault::of(&error, false) != Fault::Lost || !patience.pause().await {
                return Err(StoreError::Read(shared(error)));
            }
        }
    }

    async fn attempt<T>(&self, select: &Select<T>) -> Result<T, Error> {
        let mut session = match self.take() {
            Some(session) => session,
            None => Session::open(&self.target).await?,
        };
        let given: Given<'_> = select.given.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let rows = session.query(select.sql, given).await;
        if !session.client.is_closed() {
            self.idle().push(session);
        }
        (select.read)(&rows?)
    }

    fn take(&self) -> Option<Session> {
        let mut idle = self.idle();
        idle.retain(|session| !session.client.is_closed());
        idle.pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
