//! Starts and stops the stand-ins.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::{Router, middleware};
use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::supabase::{Database, Keys};
use super::watch::{Call, Fault, Service, Watch, observe};
use super::{data, gemini, ocr, supabase};

/// How the stand-ins behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What time it is for them when they start; it goes on from there.
    pub now: Timestamp,
    /// Between the words of the language model.
    pub pace: Duration,
    /// Whether the database holds the demo's user to begin with.
    pub filled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { now: Timestamp::now(), pace: Duration::from_millis(20), filled: true }
    }
}

/// The running stand-ins; they stop when it is dropped.
#[derive(Debug)]
pub struct StandIns {
    /// `SUPABASE_URL`
    pub supabase_url: String,
    /// `GEMINI_URL`
    pub gemini_url: String,
    /// `OCR_URL`
    pub ocr_url: String,
    shared: Shared,
    _stop: DropGuard,
}

/// What the three have in common.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) keys: Arc<Keys>,
    pub(super) database: Arc<Mutex<Database>>,
    pub(super) said: Arc<Mutex<VecDeque<String>>>,
    pub(super) clock: Clock,
    pub(super) pace: Duration,
    pub(super) watch: Arc<Watch>,
    pub(super) stop: CancellationToken,
}

/// A clock that was set when the stand-ins started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    set_to: Timestamp,
    set_at: Instant,
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        self.set_to.saturating_add(self.set_at.elapsed()).unwrap_or(self.set_to)
    }
}

impl StandIns {
    /// Starts all three on free ports of the loopback interface.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let mut database = Database::default();
        if settings.filled {
            data::fill(&mut database, settings.now);
        }
        let shared = Shared {
            keys: Arc::new(Keys::default()),
            database: Arc::new(Mutex::new(database)),
            said: Arc::default(),
            clock: Clock { set_to: settings.now, set_at: Instant::now() },
            pace: settings.pace,
            watch: Arc::default(),
            stop,
        };
        let supabase = serve(Service::Supabase, supabase::router(shared.clone()), &shared).await?;
        let gemini = serve(Service::Gemini, gemini::router(shared.clone()), &shared).await?;
        let ocr = serve(Service::Ocr, ocr::router(shared.clone()), &shared).await?;
        Ok(Self {
            supabase_url: supabase,
            gemini_url: format!("{gemini}/v1beta/models/gemini-stand-in:streamGenerateContent?alt=sse"),
            ocr_url: format!("{ocr}/parse/image"),
            shared,
            _stop: guard,
        })
    }

    /// The keys that they accept.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// The environment of a project that is to use them.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let keys = self.keys();
        vec![
            ("SUPABASE_URL", self.supabase_url.clone()),
            ("SUPABASE_ANON_KEY", keys.anon.clone()),
            ("SUPABASE_SERVICE_ROLE_KEY", keys.service.clone()),
            ("SUPABASE_JWT_SECRET", keys.jwt_secret.clone()),
            ("INTEGRATIONS_API_KEY", keys.integrations.clone()),
            ("GEMINI_URL", self.gemini_url.clone()),
            ("OCR_URL", self.ocr_url.clone()),
        ]
    }

    /// An access token of `subject`, as a login would give it now: good for an hour.
    #[must_use]
    pub fn token(&self, subject: &str) -> String {
        self.token_at(subject, self.shared.clock.now())
    }

    /// An access token of `subject`, as a login would have given it at `time`.
    #[must_use]
    pub fn token_at(&self, subject: &str, time: Timestamp) -> String {
        let issuer = format!("{}/auth/v1", self.supabase_url);
        self.keys().user_token(&issuer, subject, time)
    }

    /// All calls so far, oldest first; of very many, the latest.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.watch.calls()
    }

    /// How many calls with `method` went to a path of `service` that contains `path`.
    #[must_use]
    pub fn count(&self, service: Service, method: &str, path: &str) -> usize {
        let calls = self.calls();
        let meant =
            |call: &&Call| call.service == service && call.method == method && call.path.contains(path);
        calls.iter().filter(meant).count()
    }

    /// Ready when `condition` holds, which is looked at when a call arrives and when it is answered.
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.shared.watch.changes();
        while !condition(self) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Lets the next `times` calls of `service` whose path contains `path` fail.
    pub fn fail(&self, service: Service, path: &str, times: usize, fault: Fault) {
        self.shared.watch.order(service, path, times, fault);
    }

    /// Takes back all faults that were ordered.
    pub fn heal(&self) {
        self.shared.watch.cancel_orders();
    }

    /// Lets the language model answer the next question that nothing was prepared for with this.
    pub fn say(&self, text: impl Into<String>) {
        self.shared.said.lock().unwrap_or_else(PoisonError::into_inner).push_back(text.into());
    }

    /// How many rows a table has.
    #[must_use]
    pub fn row_count(&self, table: &str) -> usize {
        self.shared.database.lock().unwrap_or_else(PoisonError::into_inner).rows(table).len()
    }

    /// All rows of a table.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Json> {
        let database = self.shared.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.rows(table).iter().cloned().map(Json::Object).collect()
    }

    /// Puts a row into a table, whoever may see it.
    ///
    /// # Errors
    /// What the database has against it.
    pub fn insert(&self, table: &str, row: Json) -> Result<(), String> {
        let now = self.shared.clock.now();
        let mut database = self.shared.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.insert(table, row, now).map(drop).map_err(|refusal| refusal.message)
    }
}

async fn serve(service: Service, router: Router, shared: &Shared) -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let watched = router.layer(middleware::from_fn_with_state((service, shared.clone()), observe));
    let stop = shared.stop.clone().cancelled_owned();
    tokio::spawn(async move { axum::serve(listener, watched).with_graceful_shutdown(stop).await });
    Ok(format!("http://{address}"))
}
