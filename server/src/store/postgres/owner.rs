//! The one session that writes, and how it is taken up again when its connection is lost.
//!
//! It holds a lock as long as it lives: alone, so that two processes never write to one store, or
//! together with others that know of each other. Before a new
//! session takes the lock the old one has been ended, and then its [`Mark`] tells what became of its
//! last transaction.

use std::error::Error as StdError;
use std::sync::Arc;

use tokio_postgres::error::SqlState;

use super::mark::{Fate, Mark};
use super::session::{Described, Session, shared};
use super::target::Target;
use super::{cannot_open, migrate};
use crate::store::StoreError;

/// How a session is set that writes. Each of its statements finds its rows by an index, so no plan
/// has to depend on what is known of tables that have just begun to grow; and a server that
/// acknowledges before a commit is durable does so for others.
const SETTINGS: &str = "
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan; SET jit = off;
    SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '5s';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local')";
/// A process that was stopped in a transaction holds others up no longer than its time-out says.
const ALONE: &str = "SELECT pg_advisory_lock(hashtextextended('pathway store ' || current_schema(), 0))";
const TOGETHER: &str =
    "SELECT pg_advisory_lock_shared(hashtextextended('pathway store ' || current_schema(), 0))";

/// Who a session is, to the server.
#[derive(Debug, Clone)]
struct Backend {
    process: i32,
    /// Numbers of processes are used again.
    started: String,
}

/// The session that writes.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) session: Session,
    pub(super) mark: Mark,
    backend: Backend,
    is_shared: bool,
}

impl Owner {
    /// Takes the store, for this process or for all that share it, and brings its schema up to date; the store's id.
    pub(super) async fn open(target: &Target, is_shared: bool) -> Result<(Self, String), StoreError> {
        let place = target.place.as_str();
        let open = |error| cannot_open(place, Described::from(error));
        let mut session = Session::open(target).await.map_err(open)?;
        let id = migrate::migrate(&mut session.client, place).await?;
        let mark = Mark::begin(&session.client).await.map_err(open)?;
        prepare(&session, &mark).await.map_err(open)?;
        let owner = Self::take(session, mark, is_shared).await.map_err(|error| {
            if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
                StoreError::Held { place: place.to_owned() }
            } else {
                open(error)
            }
        })?;
        Ok((owner, id))
    }

    /// Takes the store with a session that is prepared.
    async fn take(session: Session, mark: Mark, is_shared: bool) -> Result<Self, tokio_postgres::Error> {
        let client = &session.client;
        client.execute(if is_shared { TOGETHER } else { ALONE }, &[]).await?;
        let backend = client
            .query_one(
                "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()",
                &[],
            )
            .await?;
        let backend = Backend { process: backend.get(0), started: backend.get(1) };
        Ok(Self { session, mark, backend, is_shared })
    }

    /// Takes the place of a session that was lost: it can do nothing any more when this is ready.
    pub(super) async fn succeed(target: &Target, lost: &Lost) -> Result<Self, Failed> {
        let session = Session::open(target).await?;
        session
            .client
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE pid = $1 AND backend_start::text = $2 AND pid <> pg_backend_pid()",
                &[&lost.backend.process, &lost.backend.started],
            )
            .await?;
        let id = session.client.query_one("SELECT value FROM meta WHERE name = 'store_id'", &[]).await?;
        if id.get::<_, &str>(0) != lost.store_id {
            return Err(Failed::Taken("the database is another store now".into()));
        }
        prepare(&session, &lost.mark).await?;
        match Self::take(session, lost.mark.clone(), lost.is_shared).await {
            Ok(owner) => Ok(owner),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(Failed::Taken("another pathway process has taken it over".into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is needed to take its place.
    pub(super) fn lose(self, store_id: &str) -> Lost {
        let (backend, mark, is_shared) = (self.backend, self.mark, self.is_shared);
        Lost { backend, mark, store_id: store_id.to_owned(), is_shared }
    }

    /// What became of the transaction of that number, of the session before.
    pub(super) async fn fate(&self, number: i64) -> Result<Fate, tokio_postgres::Error> {
        self.mark.fate(&self.session.client, number).await
    }
}

/// Makes a session one that writes, after the one before it has ended.
async fn prepare(session: &Session, mark: &Mark) -> Result<(), tokio_postgres::Error> {
    session.client.batch_execute(SETTINGS).await?;
    mark.hold(&session.client).await
}

/// A session that was lost.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    backend: Backend,
    mark: Mark,
    store_id: String,
    is_shared: bool,
}

/// Why a lost session has no successor.
#[derive(Debug)]
pub(super) enum Failed {
    /// Not now.
    Away(Arc<dyn StdError + Send + Sync>),
    /// Not any more.
    Taken(Arc<str>),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Away(shared(error))
    }
}
