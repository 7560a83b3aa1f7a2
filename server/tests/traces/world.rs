//! A server that tells a collector, in a folder, and a service that keeps the `traceparent` of each call.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::{HeaderMap, StatusCode};
use pathway_server::app::App;
use pathway_server::store::{Filter, NewRecord, Run, Status};
use pathway_tests::serve;
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::collector::Collector;

/// The longest that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A path, and the `traceparent` that came with it.
type Call = (String, Option<String>);

/// Refuses the first call to `flaky`, calls of what is broken, and holds those to `slow` until let go.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    pub(crate) address: String,
    calls: Arc<Mutex<Vec<Call>>>,
    pub(crate) broken: Arc<Mutex<HashSet<String>>>,
    pub(crate) called: Arc<Notify>,
    pub(crate) go: Arc<Notify>,
}

impl Upstream {
    async fn start() -> Self {
        async fn answer(
            State(upstream): State<Upstream>,
            Segment(path): Segment<String>,
            headers: HeaderMap,
        ) -> StatusCode {
            let trace = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
            let is_first = {
                let mut calls = upstream.calls.lock().unwrap();
                calls.push((path.clone(), trace));
                calls.iter().filter(|(known, _)| *known == path).count() == 1
            };
            if path == "slow" {
                upstream.called.notify_one();
                upstream.go.notified().await;
            }
            if upstream.broken.lock().unwrap().contains(&path) {
                return StatusCode::BAD_REQUEST;
            }
            match path == "flaky" && is_first {
                true => StatusCode::SERVICE_UNAVAILABLE,
                false => StatusCode::OK,
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self { address: listener.local_addr().unwrap().to_string(), ..Self::default() };
        let router = Router::new().route("/{*path}", axum::routing::any(answer)).with_state(upstream.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        upstream
    }

    /// The `traceparent`s of all calls.
    pub(crate) fn traces(&self) -> BTreeSet<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(path, trace)| trace.clone().unwrap_or_else(|| format!("none to {path}"))).collect()
    }
}

pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) collector: Collector,
    pub(crate) app: App,
    folder: TempDir,
}

impl World {
    /// With these pathways, all spans told.
    pub(crate) async fn start(pathways: &[&str]) -> Self {
        Self::start_in("", "", pathways).await
    }

    /// With more settings of traces, and of the project.
    pub(crate) async fn start_in(traces: &str, project: &str, pathways: &[&str]) -> Self {
        let (upstream, collector) = (Upstream::start().await, Collector::default());
        let url = collector.start().await;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pathways")).unwrap();
        let text = format!(
            "services:\n  shop: {{ url: \"http://{}\", retry: {{ attempts: 2, delay: 1ms }} }}\n\
             traces: {{ url: \"{url}\", service: orders{traces} }}\n{project}",
            upstream.address
        );
        fs::write(folder.path().join("pathway.yaml"), text).unwrap();
        for (n, pathway) in pathways.iter().enumerate() {
            fs::write(folder.path().join(format!("pathways/{n}.yaml")), pathway).unwrap();
        }
        let app = serve(folder.path()).await;
        Self { upstream, collector, app, folder }
    }

    /// Ends the server at once, and starts another on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { upstream, collector, app: before, folder } = self;
        before.runner.stop(Duration::ZERO).await;
        before.stop().await;
        let app = serve(folder.path()).await;
        Self { upstream, collector, app, folder }
    }

    /// Stops the server, and with that tells all that is left.
    pub(crate) async fn stop(self) -> (Collector, Upstream) {
        self.app.stop().await;
        (self.collector, self.upstream)
    }

    pub(crate) async fn post(&self, path: &str, trace: Option<&str>, body: &Value) -> Response {
        let client = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let mut request = client.post(format!("http://{}{path}", self.app.address)).body(body.to_string());
        request = request.header("content-type", "application/json");
        if let Some(trace) = trace {
            request = request.header("traceparent", trace);
        }
        request.send().await.unwrap()
    }

    /// Waits until the bus can be reached; nobody is told when.
    pub(crate) async fn ready(&self) {
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/readyz", self.app.address);
        let wait = async { while !client.get(&url).send().await.unwrap().status().is_success() {} };
        tokio::time::timeout(DEADLINE, wait).await.expect("in time");
    }

    pub(crate) async fn publish(&self, topic: &str, trace: Option<&str>) {
        let headers = trace.map(|trace| ("traceparent".to_owned(), trace.as_bytes().to_vec()));
        let record = NewRecord {
            topic: topic.into(),
            key: None,
            value: Some(b"{}".to_vec().into()),
            headers: headers.into_iter().collect::<Vec<_>>().into(),
            time: 0,
        };
        self.app.store.publish(vec![record]).await.unwrap();
    }

    /// The runs with a status, once there are so many.
    pub(crate) async fn until(&self, status: Status, count: usize) -> Vec<Run> {
        let mut observed = self.app.runner.observe();
        let wait = async {
            loop {
                let filter = Filter { status: Some(status), pathway: None, before: None, limit: 500 };
                let runs = self.app.store.runs(filter).await.unwrap();
                if runs.len() == count {
                    return runs;
                }
                observed.recv().await.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("in time")
    }

    /// Waits until somebody calls `slow`.
    pub(crate) async fn called(&self) {
        tokio::time::timeout(DEADLINE, self.upstream.called.notified()).await.expect("in time");
    }
}
