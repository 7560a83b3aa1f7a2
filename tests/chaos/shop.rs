//! The shop: its processes, and what they stand on.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::sync::Arc;

use pathway_engine::project::Secret;
use pathway_server::store::{Outlet, PostgresOptions, PostgresStore, SqliteStore, Store};
use pathway_tests::kafka::Kafka;
use pathway_tests::postgres::Postgres;
use pathway_tests::{Kept, Post, WallClock, binary, soon};
use serde_json::Value;
use tokio::process::Command;

use crate::project::Project;
use crate::upstream::Upstream;

/// All topics that it uses.
const TOPICS: [&str; 12] = [
    "orders",
    "orders.dlq",
    "answers",
    "parcels",
    "parcels.dlq",
    "deliveries",
    "pathway.approval",
    "approvals",
    "reminders",
    "reminders.dlq",
    "pathway.packing",
    "shop.pathway-state",
];
const PARTITIONS: i32 = 4;
/// What a process says that may publish.
const REACHED: &str = "Kafka is reached";

/// See above.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) upstream: Upstream,
    pub(crate) kafka: Kafka,
    /// Where its store is; none: in a folder.
    pub(crate) postgres: Option<Postgres>,
    project: Project,
    /// By which the first of those that work goes, if it has one of its own.
    pub(crate) clock: Option<WallClock>,
    /// Those that work, and those with doors; one that does both is among the first.
    pub(crate) workers: Vec<Kept>,
    gateways: Vec<Kept>,
}

impl Shop {
    /// With a store in PostgreSQL, and nothing running yet.
    pub(crate) async fn with_postgres(kafka: Kafka, postgres: Postgres) -> Self {
        let store = ("PATHWAY_STORE__POSTGRES", postgres.schema().await);
        Self::new(kafka, Some(postgres), Some(store)).await
    }

    /// With a store in a folder, and nothing running yet.
    pub(crate) async fn with_sqlite(kafka: Kafka) -> Self {
        Self::new(kafka, None, None).await
    }

    async fn new(kafka: Kafka, postgres: Option<Postgres>, store: Option<(&str, String)>) -> Self {
        kafka.make(&TOPICS, PARTITIONS).await;
        let upstream = Upstream::start().await;
        let mut project = Project::new(&upstream, kafka.servers());
        project.environment.extend(store.map(|(name, value)| (name.to_owned(), value)));
        let (workers, gateways) = (Vec::new(), Vec::new());
        Self { upstream, kafka, postgres, project, clock: None, workers, gateways }
    }

    /// Starts what it is made of: processes apart where they can share the store. Each serves.
    pub(crate) async fn start(&mut self) {
        match self.postgres {
            Some(_) => {
                self.start_workers().await;
                self.start_gateways().await;
            }
            None => {
                self.workers = vec![self.keep("serve", "serve")];
                self.up().await;
            }
        }
    }

    /// Starts those that work.
    pub(crate) async fn start_workers(&mut self) {
        let mut own = self.project.environment.clone();
        own.extend(self.clock.iter().flat_map(WallClock::environment));
        self.workers = vec![self.keep_in(own, "worker-a", "worker"), self.keep("worker-b", "worker")];
        self.up().await;
    }

    /// Starts those with doors; each has reached the broker, which is there.
    pub(crate) async fn start_gateways(&mut self) {
        self.gateways = ["gateway-a", "gateway-b"].map(|name| self.keep(name, "gateway")).into();
        self.up().await;
        for gateway in &self.gateways {
            gateway.log.says(0, REACHED).await;
        }
    }

    /// Keeps one process running.
    fn keep(&self, name: &str, role: &'static str) -> Kept {
        self.keep_in(self.project.environment.clone(), name, role)
    }

    fn keep_in(&self, environment: BTreeMap<String, String>, name: &str, role: &'static str) -> Kept {
        let folder = self.project.folder().to_owned();
        Kept::start(Post { name: name.to_owned(), role, folder, environment })
    }

    /// Waits until all serve.
    pub(crate) async fn up(&self) {
        for kept in self.workers.iter().chain(&self.gateways) {
            kept.up().await;
        }
    }

    /// Those with doors.
    pub(crate) fn doors(&self) -> &[Kept] {
        if self.gateways.is_empty() { &self.workers } else { &self.gateways }
    }

    /// What its processes have said so far.
    pub(crate) fn said(&self) -> String {
        self.workers.iter().chain(&self.gateways).map(|kept| kept.log.text()).collect::<Vec<_>>().join("\n")
    }

    /// What a command says.
    pub(crate) async fn operate(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.project.folder());
        command.env_clear().envs(&self.project.environment).kill_on_drop(true);
        let done = soon("a command to end", command.output()).await.unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// Stops all, when they have ended what is under way; how each process ended, and what they said.
    pub(crate) async fn stop(&mut self) -> Vec<(Vec<ExitStatus>, String)> {
        let mut ended = Vec::new();
        for kept in self.workers.drain(..).chain(self.gateways.drain(..)) {
            let log = kept.log.clone();
            ended.push((kept.retire().await, log.text()));
        }
        ended
    }

    /// Its store, which no process of a single one may have open.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        match self.project.environment.get("PATHWAY_STORE__POSTGRES") {
            Some(url) => {
                let options =
                    PostgresOptions { outlet: Outlet::Outbox, is_shared: true, ..Default::default() };
                Arc::new(PostgresStore::open(&Secret::new(url), options).await.unwrap())
            }
            None => {
                let data = self.project.folder().join("data");
                Arc::new(SqliteStore::open_with(&data, Outlet::Outbox).unwrap())
            }
        }
    }
}
