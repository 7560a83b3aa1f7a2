//! A connection with the statements that it has prepared.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::target::Target;

/// What a statement is given.
pub(super) type Given<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// A statement to run, with what it is given.
pub(super) struct Call<'a> {
    pub(super) sql: &'static str,
    pub(super) given: Given<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(sql: &'static str, given: Given<'a>) -> Self {
        Self { sql, given }
    }

    pub(super) fn plain(sql: &'static str) -> Self {
        Self { sql, given: Vec::new() }
    }
}

/// One connection.
pub(super) struct Session {
    pub(super) client: Client,
    /// By their text; all of them are constants, so there are only so many.
    prepared: HashMap<&'static str, Statement>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    pub(super) async fn open(target: &Target) -> Result<Self, Error> {
        Ok(Self { client: target.connect().await?, prepared: HashMap::new() })
    }

    /// The rows of one statement.
    pub(super) async fn query(&mut self, sql: &'static str, given: Given<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.prepare(sql).await?;
        self.client.query(&statement, &given).await
    }

    /// The rows of each of these, which are sent at once and answered in one round trip. Where one
    /// fails, those after it were run too: they belong in one transaction.
    pub(super) async fn pipeline(&mut self, calls: Vec<Call<'_>>) -> Result<Vec<Vec<Row>>, Error> {
        let mut statements = Vec::with_capacity(calls.len());
        for call in &calls {
            statements.push(self.prepare(call.sql).await?);
        }
        let client = &self.client;
        let sent =
            statements.iter().zip(&calls).map(|(statement, call)| client.query(statement, &call.given));
        futures_util::future::try_join_all(sent).await
    }

    async fn prepare(&mut self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// How the server, or the lack of one, said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The change cannot be written as it is.
    Change,
    /// It may be written if it is tried again.
    Again,
    /// The connection is of no use any more.
    Lost,
    /// The server cannot do its work, as when its disk is full.
    Server,
}

impl Fault {
    /// `is_shared`: other processes write to the store too.
    pub(super) fn of(error: &Error, is_shared: bool) -> Self {
        let Some(db) = error.as_db_error() else {
            // What could not even be sent is the fault of what was to be sent.
            let local = error.to_string();
            return if local.starts_with("error encoding") || local.starts_with("error serializing") {
                Self::Change
            } else {
                Self::Lost
            };
        };
        let code = db.code().code();
        match code.get(..2).unwrap_or_default() {
            // Another process inserted the same at the same time, or is slow to end its transaction.
            "23" if code == "23505" && is_shared => Self::Again,
            "55" if code == "55P03" && is_shared => Self::Again,
            // Data, constraints, limits of the program.
            "22" | "23" | "54" => Self::Change,
            // Deadlocks and the like.
            "40" => Self::Again,
            // It shuts down or was told to drop us; it became a copy.
            "57" | "08" => Self::Lost,
            "25" if code == "25006" => Self::Lost,
            _ => Self::Server,
        }
    }
}

/// An error that says all it knows.
#[derive(Debug, thiserror::Error)]
#[error("{}", crate::causes::with_causes(.0))]
pub(super) struct Described(#[from] Error);

/// As an error of a store holds it.
pub(super) fn shared(error: Error) -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::new(Described(error))
}
