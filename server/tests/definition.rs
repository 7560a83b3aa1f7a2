//! A run goes on with the pathway that it began with, although the file was changed meanwhile.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use pathway_engine::journal::Outcome;
use pathway_engine::value;
use pathway_server::app::{App, Settings};
use pathway_server::bus::{Bus, EmbeddedBus, NewRecord};
use pathway_server::config::{Config, Request};
use pathway_server::loading;
use pathway_server::store::{Filter, Run, Status};
use tokio::net::TcpListener;
use tokio::sync::Notify;

const DEADLINE: Duration = Duration::from_secs(30);

const BEFORE: &str = r#"
pathway: p
on: { topic: t }
input: ../schemas/input.json
steps:
  one: { secret: true, http: { service: api, get: /one } }
  slow: { needs: one, http: { service: api, get: /slow } }
return: "before, {{ vars.word }}, {{ steps.slow.body }}, {{ input.n }}"
"#;
const AFTER: &str = "pathway: p\non: { topic: t }\nreturn: after\n";

/// Tells of each call, and answers when it is let.
#[derive(Clone, Default)]
struct Upstream {
    called: Arc<Notify>,
    go: Arc<Notify>,
}

impl Upstream {
    async fn start(&self) -> String {
        async fn slow(State(upstream): State<Upstream>) -> &'static str {
            upstream.called.notify_one();
            upstream.go.notified().await;
            "slow"
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/one", axum::routing::get(|| async { "planted-secret" }))
            .route("/slow", axum::routing::get(slow))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }
}

fn write(folder: &Path, url: &str, word: &str, pathway: &str) {
    for name in ["pathways", "schemas"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let project = format!("services: {{ api: {{ url: \"{url}\" }} }}\nvars: {{ word: {word} }}\n");
    fs::write(folder.join("pathway.yaml"), project).unwrap();
    fs::write(folder.join("pathways/p.yaml"), pathway).unwrap();
    let schema = r#"{"type": "object", "properties": {"n": {"type": "integer", "default": 7}}}"#;
    fs::write(folder.join("schemas/input.json"), schema).unwrap();
}

async fn start(folder: &Path) -> App {
    let request =
        Request { project: Some(folder.to_owned()), directory: folder.to_owned(), ..Request::default() };
    let mut config = Config::load(&request).unwrap();
    let files = config.pathway_files();
    let program = loading::load(&mut config, &files);
    assert!(!config.diagnostics.has_errors(), "{:?}", config.diagnostics);
    let listener = Some(TcpListener::bind("127.0.0.1:0").await.unwrap());
    App::start(Settings { listener, ..Settings::new(config, program) }).await.unwrap()
}

async fn runs(app: &App, status: Status) -> Vec<Run> {
    let filter = Filter { status: Some(status), pathway: None, before: None, limit: 10 };
    app.store.runs(filter).await.unwrap()
}

#[tokio::test]
async fn a_run_ends_as_it_began_and_secrets_are_sealed_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    write(folder.path(), &url, "first", BEFORE);
    let app = start(folder.path()).await;
    let record =
        NewRecord { topic: "t".into(), key: None, value: Some(b"{}".to_vec()), headers: Vec::new(), time: 0 };
    EmbeddedBus::new(app.store.clone()).publish(vec![record]).await.unwrap();
    tokio::time::timeout(DEADLINE, upstream.called.notified()).await.unwrap();
    app.runner.stop(Duration::ZERO).await;
    app.stop().await;

    for file in fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|part| part == b"planted-secret"));
    }

    write(folder.path(), &url, "second", AFTER);
    let app = start(folder.path()).await;
    let mut observed = app.runner.observe();
    tokio::time::timeout(DEADLINE, upstream.called.notified()).await.unwrap();
    upstream.go.notify_waiters();
    let ended = async {
        while runs(&app, Status::Succeeded).await.is_empty() {
            observed.recv().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.unwrap();
    let run = &runs(&app, Status::Succeeded).await[0];
    let Outcome::Answer(answer) = serde_json::from_slice(run.outcome.as_deref().unwrap()).unwrap() else {
        panic!("it failed")
    };
    assert_eq!(value::to_json(&answer), "\"before, first, slow, 7\"");
    app.stop().await;
}
