//! A server with its admin listener, in a folder, and a service that does as it is told.

use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::{HeaderMap, StatusCode};
use pathway_server::app::App;
use pathway_server::store::{NewRecord, Record};
use pathway_tests::serve;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The longest that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Counts calls by path and key; refuses those of `broken`, and holds those to and below `/slow` until let go.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    calls: Arc<Mutex<Vec<(String, String)>>>,
    /// Who each call says that it is for, by path.
    tokens: Arc<Mutex<Vec<(String, String)>>>,
    pub(crate) broken: Arc<Mutex<HashSet<String>>>,
    pub(crate) called: Arc<Notify>,
    pub(crate) go: Arc<Notify>,
}

impl Upstream {
    async fn start(&self) -> String {
        async fn answer(
            State(upstream): State<Upstream>,
            Segment(path): Segment<String>,
            headers: HeaderMap,
        ) -> (StatusCode, String) {
            let key = headers.get("idempotency-key").unwrap().to_str().unwrap().to_owned();
            upstream.calls.lock().unwrap().push((path.clone(), key));
            if let Some(token) = headers.get("authorization") {
                let token = token.to_str().unwrap().to_owned();
                upstream.tokens.lock().unwrap().push((path.clone(), token));
            }
            let is_broken = upstream.broken.lock().unwrap().contains(&path);
            if path.split('/').next() == Some("slow") {
                upstream.called.notify_one();
                upstream.go.notified().await;
            }
            let status = if is_broken { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            (status, format!("got {path}"))
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/{*path}", axum::routing::any(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    /// The idempotency keys of the calls to a path.
    pub(crate) fn keys(&self, path: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(known, _)| known == path).map(|(_, key)| key.clone()).collect()
    }

    /// The tokens of the calls to a path.
    pub(crate) fn tokens(&self, path: &str) -> Vec<String> {
        let tokens = self.tokens.lock().unwrap();
        tokens.iter().filter(|(known, _)| known == path).map(|(_, token)| token.clone()).collect()
    }

    pub(crate) fn breaks(&self, path: &str) {
        self.broken.lock().unwrap().insert(path.to_owned());
    }

    pub(crate) fn works(&self) {
        self.broken.lock().unwrap().clear();
    }
}

pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) app: App,
    pub(crate) token: String,
    folder: TempDir,
}

impl World {
    pub(crate) async fn start(pathway: &str) -> Self {
        Self::start_in("", pathway).await
    }

    /// In a project with more services, and other settings after them.
    pub(crate) async fn start_in(project: &str, pathway: &str) -> Self {
        let upstream = Upstream::default();
        let url = upstream.start().await;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pathways")).unwrap();
        let api = format!("services:\n  api: {{ url: \"{url}\", retry: {{ attempts: 1 }} }}\n");
        let project = format!("{api}{project}");
        fs::write(folder.path().join("pathway.yaml"), project).unwrap();
        fs::write(folder.path().join("pathways/p.yaml"), pathway).unwrap();
        let app = serve(folder.path()).await;
        let token = fs::read_to_string(folder.path().join("data/admin-token")).unwrap().trim().to_owned();
        Self { upstream, app, token, folder }
    }

    /// As [`World::restart`], with the pathway changed.
    pub(crate) async fn restart_with(self, pathway: &str) -> Self {
        fs::write(self.folder.path().join("pathways/p.yaml"), pathway).unwrap();
        self.restart().await
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).unwrap();
    }

    /// Removes a file of the project.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// The URL of a path of the gateway.
    pub(crate) fn door(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address)
    }

    /// The data folder.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the server at once, and starts another on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { upstream, app: before, token, folder } = self;
        before.runner.stop(Duration::ZERO).await;
        before.stop().await;
        let app = serve(folder.path()).await;
        Self { upstream, app, token, folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.admin)
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = client().request(method, self.url(path)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        told(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, said) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{said}");
        said
    }

    pub(crate) async fn post(&self, path: &str) -> (u16, Value) {
        self.ask(Method::POST, path, None).await
    }

    pub(crate) async fn publish(&self, topic: &str, value: &str) {
        let record = NewRecord {
            topic: topic.into(),
            key: None,
            value: Some(value.as_bytes().to_vec().into()),
            headers: Vec::new().into(),
            time: 0,
        };
        self.app.store.publish(vec![record]).await.unwrap();
    }

    pub(crate) async fn records(&self, topic: &str) -> Vec<Record> {
        self.app.store.records(topic, 0, 0, 100, 1 << 20).await.unwrap()
    }

    /// The runs with a status, once there are so many, the oldest first.
    pub(crate) async fn until(&self, status: &str, count: usize) -> Vec<Value> {
        let mut observed = self.app.runner.observe();
        let wait = async {
            loop {
                let said = self.get(&format!("/runs?status={status}")).await;
                let mut runs = said["runs"].as_array().unwrap().clone();
                runs.reverse();
                if runs.len() == count {
                    return runs;
                }
                observed.recv().await.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("in time")
    }

    /// The first run with a status.
    pub(crate) async fn one(&self, status: &str) -> String {
        self.until(status, 1).await[0]["id"].as_str().unwrap().to_owned()
    }

    /// Waits until somebody calls `/slow`.
    pub(crate) async fn called(&self) {
        tokio::time::timeout(DEADLINE, self.upstream.called.notified()).await.expect("in time");
    }
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().timeout(DEADLINE).build().unwrap()
}

pub(crate) async fn told(response: Response) -> (u16, Value) {
    let status = response.status();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    if !status.is_success() {
        assert_eq!(kind.as_deref(), Some("application/problem+json"));
    }
    (status.as_u16(), serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}
