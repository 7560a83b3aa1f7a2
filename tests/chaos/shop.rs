//! The shop: its processes, and what they stand on.

use std::process::ExitStatus;
use std::sync::Arc;

use crate::project::Project;
use crate::upstream::Upstream;
use pathway_engine::project::Secret;
use pathway_server::store::{Outlet, PostgresOptions, PostgresStore, SqliteStore, Store};
use pathway_tests::kafka::Kafka;
use pathway_tests::postgres::Postgres;
use pathway_tests::{Kept, Post};

/// All topics that it uses.
const TOPICS: [&str; 10] = [
    "orders",
    "orders.dlq",
    "answers",
    "parcels",
    "parcels.dlq",
    "deliveries",
    "pathway.approval",
    "approvals",
    "pathway.packing",
    "shop.pathway-state",
];
const PARTITIONS: i32 = 4;
/// See above.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) upstream: Upstream,
    pub(crate) kafka: Kafka,
    /// Where its store is; none: in a folder.
    pub(crate) postgres: Option<Postgres>,
    project: Project,
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
        Self { upstream, kafka, postgres, project, workers, gateways }
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
        self.workers = ["worker-a", "worker-b"].map(|name| self.keep(name, "worker")).into();
        self.up().await;
    }

    /// Starts those with doors.
    pub(crate) async fn start_gateways(&mut self) {
        self.gateways = ["gateway-a", "gateway-b"].map(|name| self.keep(name, "gateway")).into();
        self.up().await;
    }

    /// Keeps one process running.
    fn keep(&self, name: &str, role: &'static str) -> Kept {
        let (folder, environment) = (self.project.folder().to_owned(), self.project.environment.clone());
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
