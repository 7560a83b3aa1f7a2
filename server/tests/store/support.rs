//! Short ways to say what a test needs.

use std::sync::Arc;

use pathway_engine::project::Secret;
use pathway_server::store::*;
use pathway_tests::postgres::Postgres;

/// The definition that all runs of the tests are pinned to.
pub(crate) const DIGEST: &str = "digest";

/// Runs each test on SQLite, on disk and in memory, on PostgreSQL, and on the store without a database.
macro_rules! on_each {
    ($($test:ident)*) => {
        mod on_disk {
            $(#[tokio::test]
            async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let store = pathway_server::store::SqliteStore::open(folder.path()).unwrap();
                super::$test($crate::support::prepared(store).await).await;
            })*
        }
        mod in_memory {
            $(#[tokio::test]
            async fn $test() {
                let store = pathway_server::store::SqliteStore::in_memory().unwrap();
                super::$test($crate::support::prepared(store).await).await;
            })*
        }
        mod of_values {
            $(#[tokio::test]
            async fn $test() {
                use pathway_server::store::{MemoryStore, Outlet};
                let store = std::sync::Arc::new(MemoryStore::new("store", Outlet::Topics));
                super::$test($crate::support::with_definition(store).await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                let Some(place) = $crate::support::Place::postgres().await else { return };
                let store = place.open(pathway_server::store::Outlet::Topics).await;
                super::$test($crate::support::with_definition(store).await).await;
            })*
        }
    };
}
pub(crate) use on_each;

/// Runs each test where a store can be opened again: in a folder, and on PostgreSQL.
macro_rules! on_each_place {
    ($($test:ident)*) => {
        mod in_a_folder {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::support::Place::folder()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                let Some(place) = $crate::support::Place::postgres().await else { return };
                super::$test(place).await;
            })*
        }
    };
}
pub(crate) use on_each_place;

/// Where a store can be opened again and again.
pub(crate) enum Place {
    Folder(tempfile::TempDir),
    Schema(Secret),
}

impl Place {
    /// A folder.
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    /// A schema of the server that all tests share; none where there is no server.
    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::Schema(Secret::new(Postgres::shared().await?.schema().await)))
    }

    /// The store in it.
    pub(crate) async fn open(&self, outlet: Outlet) -> Arc<dyn Store> {
        match self {
            Self::Folder(folder) => Arc::new(SqliteStore::open_with(folder.path(), outlet).unwrap()),
            Self::Schema(url) => {
                let options = PostgresOptions { outlet, ..PostgresOptions::default() };
                Arc::new(PostgresStore::open(url, options).await.unwrap())
            }
        }
    }
}

/// The store with the definition.
pub(crate) async fn with_definition(store: Arc<dyn Store>) -> Arc<dyn Store> {
    store.define(DIGEST, "text").await.unwrap();
    store
}

/// The store with the definition.
pub(crate) async fn prepared(store: SqliteStore) -> Arc<dyn Store> {
    with_definition(Arc::new(store)).await
}

/// A run that came from `offset`.
pub(crate) fn new_run(offset: Offset) -> NewRun {
    NewRun {
        public_id: format!("id-{offset}"),
        pathway: "pathway".into(),
        digest: DIGEST.into(),
        subject: None,
        offset: Some(offset),
        lane: None,
        correlation: None,
        dedupe_id: None,
        idempotency: None,
        rerun_of: None,
        at: 1_000 + offset,
        started: format!("input-{offset}").into_bytes(),
        status: Status::Ready,
        outcome: None,
        records: Vec::new(),
        stream: Vec::new(),
    }
}

/// A run that another one calls.
pub(crate) fn child(public_id: &str) -> NewRun {
    NewRun { public_id: public_id.into(), offset: None, ..new_run(0) }
}

/// One record of the topic `in` that became `runs`.
pub(crate) fn admit(offset: Offset, runs: Vec<NewRun>) -> Admit {
    Admit {
        topic: "in".into(),
        partition: 0,
        proof: None,
        from_offset: offset,
        next_offset: offset + 1,
        received: Vec::new(),
        runs,
    }
}

/// Admits one run that has to be new.
pub(crate) async fn admitted(store: &dyn Store, run: NewRun) -> RunId {
    let offset = store.next_offset("in", 0).await.unwrap().unwrap_or(0);
    match store.admit(admit(offset, vec![run])).await.unwrap()[..] {
        [Admission::Inserted(run)] => run,
        ref other => panic!("{other:?}"),
    }
}

/// An event.
pub(crate) fn event(payload: impl Into<Vec<u8>>) -> NewEvent {
    NewEvent { kind: "performed", payload: payload.into() }
}

/// A record of `topic`.
pub(crate) fn record(topic: &str, value: impl Into<Vec<u8>>) -> NewRecord {
    NewRecord {
        topic: topic.into(),
        key: None,
        value: Some(value.into().into()),
        headers: Vec::new().into(),
        time: 1,
    }
}

/// A change of status at 2000.
pub(crate) fn status(status: Status, outcome: Option<&[u8]>) -> Option<StatusChange> {
    Some(StatusChange { status, outcome: outcome.map(<[u8]>::to_vec), wake_at: None, at: 2_000 })
}

/// What a store said no to.
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("{other:?}"),
    }
}

/// A message for a run that is not over.
pub(crate) fn message(run: RunId, payload: &[u8]) -> NewMessage {
    NewMessage { run, at: 1_000, even_if_finished: false, payload: payload.to_vec() }
}
