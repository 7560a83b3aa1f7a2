//! A real PostgreSQL for tests.
//!
//! A test that needs one begins with [`Postgres::shared`], or with [`Postgres::own`] if it restarts
//! it. Where Debian's package `postgresql` is missing the test says so and is passed over, unless
//! `PATHWAY_REQUIRE` names `postgres`. The server ends with the process of the test, however that
//! ends.

mod cluster;
mod programs;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cluster::Cluster;

use crate::leash::blocking;

/// A server.
#[derive(Debug, Clone)]
pub struct Postgres {
    cluster: Arc<Mutex<Cluster>>,
    port: u16,
}

impl Postgres {
    /// The server that all tests of this program share: each uses a schema of its own. None where
    /// it cannot be had.
    ///
    /// # Panics
    /// If it does not start, or cannot be had and is required.
    pub async fn shared() -> Option<Self> {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        let programs = programs()?;
        Some(blocking(move || SHARED.get_or_init(|| Self::of(&programs)).clone()).await)
    }

    /// A server for one test, which stops and starts it; none where it cannot be had.
    ///
    /// # Panics
    /// If it does not start, or cannot be had and is required.
    pub async fn own() -> Option<Self> {
        let programs = programs()?;
        Some(blocking(move || Self::of(&programs)).await)
    }

    fn of(programs: &std::path::Path) -> Self {
        match Cluster::start(programs) {
            Ok(cluster) => Self { port: cluster.port, cluster: Arc::new(Mutex::new(cluster)) },
            Err(why) => panic!("no PostgreSQL: {why}"),
        }
    }

    /// The URL of a schema that no other test has.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn schema(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let schema = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE SCHEMA {schema}")).await;
        self.url(&schema)
    }

    /// The URL of a schema.
    #[must_use]
    pub fn url(&self, schema: &str) -> String {
        let host = format!("{}@127.0.0.1:{}", cluster::USER, self.port);
        format!("postgres://{host}/postgres?sslmode=disable&options=-csearch_path%3D{schema}")
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL beside whoever uses the server.
    ///
    /// # Panics
    /// If it fails.
    pub async fn run(&self, sql: &str) {
        let connected = tokio_postgres::connect(&self.url("public"), tokio_postgres::NoTls).await;
        let Ok((client, connection)) = connected else { panic!("PostgreSQL cannot be reached") };
        let connection = tokio::spawn(connection);
        if let Err(error) = client.batch_execute(sql).await {
            panic!("{sql}: {error:?}");
        }
        drop(client);
        connection.await.ok();
    }

    /// Stops the server, as a crash does.
    ///
    /// # Panics
    /// If it is not stopped.
    pub async fn kill(&self) {
        // The immediate shutdown: nothing is written any more, and it recovers when it starts.
        self.control(|cluster| cluster.end("QUIT")).await;
    }

    /// Starts a server that was stopped, with its data, at its address.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&self) {
        self.control(Cluster::run).await;
    }

    async fn control(&self, work: impl FnOnce(&mut Cluster) -> Result<(), String> + Send + 'static) {
        let cluster = self.cluster.clone();
        let done = blocking(move || work(&mut cluster.lock().unwrap_or_else(PoisonError::into_inner))).await;
        if let Err(why) = done {
            panic!("PostgreSQL: {why}");
        }
    }
}

/// Where its programs are; none where they are not, which is said.
fn programs() -> Option<PathBuf> {
    let found = programs::folder();
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        crate::required::pass_over("postgres", &test, "no PostgreSQL: there is no `initdb`");
    }
    found
}
