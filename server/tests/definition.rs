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
use pathway_engine::vm::Portion;
use pathway_server::app::App;
use pathway_server::bus::{Bus, EmbeddedBus, NewRecord};
use pathway_server::runner::Version;
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
    let app = pathway_tests::serve(folder.path()).await;
    let record = NewRecord {
        topic: "t".into(),
        key: None,
        value: Some(b"{}".to_vec().into()),
        headers: Vec::new().into(),
        time: 0,
    };
    EmbeddedBus::new(app.store.clone()).publish(vec![record]).await.unwrap();
    tokio::time::timeout(DEADLINE, upstream.called.notified()).await.unwrap();
    app.runner.stop(Duration::ZERO).await;
    app.stop().await;

    for file in fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|part| part == b"planted-secret"));
    }

    write(folder.path(), &url, "second", AFTER);
    let app = pathway_tests::serve(folder.path()).await;
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

/// A pathway whose `a` fails, and which says in its result which version it is.
fn version(n: u32, fails: bool) -> String {
    let a = if fails { "{ fail: { message: \"no\" } }" } else { "{ set: 1 }" };
    format!(
        "pathway: p\non: {{ topic: t }}\nsteps:\n  a: {a}\nreturn: \"version {n}, {{{{ vars.word }}}}\"\n"
    )
}

#[tokio::test]
async fn whatever_is_deployed_a_run_goes_by_what_it_is_pinned_to_until_an_operator_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let serve = async |n, fails, word: &str| {
        write(folder.path(), "http://127.0.0.1:9", word, &version(n, fails));
        pathway_tests::serve(folder.path()).await
    };
    let one = async |app: &App, status| {
        let mut observed = app.runner.observe();
        let found = async {
            loop {
                if let Some(run) = runs(app, status).await.into_iter().next() {
                    return run;
                }
                observed.recv().await.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, found).await.unwrap()
    };
    let app = serve(1, true, "first").await;
    let record = NewRecord {
        topic: "t".into(),
        key: None,
        value: Some(b"{}".to_vec().into()),
        headers: Vec::new().into(),
        time: 0,
    };
    EmbeddedBus::new(app.store.clone()).publish(vec![record]).await.unwrap();
    let parked = one(&app, Status::Parked).await;
    app.stop().await;

    // Redriven by its own definition it fails as it did.
    let app = serve(2, false, "second").await;
    app.runner.redrive(parked.clone(), Version::Pinned).await.unwrap();
    let again = one(&app, Status::Parked).await;
    assert_eq!((again.digest.as_str(), again.status), (parked.digest.as_str(), Status::Parked));
    // What runs it again does too, or goes by the current one.
    let by_own = app.runner.rerun(again.clone(), Portion::All, Version::Pinned).await.unwrap();
    app.runner.rerun(again.clone(), Portion::All, Version::Current).await.unwrap();
    let returned = one(&app, Status::Succeeded).await;
    assert_eq!(answer(&returned), "\"version 2, second\"");
    app.stop().await;

    // Redriven by a third one it is pinned to that.
    let app = serve(3, false, "third").await;
    app.runner.redrive(again, Version::Current).await.unwrap();
    let mut observed = app.runner.observe();
    let ended = async {
        while runs(&app, Status::Succeeded).await.len() < 2 {
            observed.recv().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.unwrap();
    let run = app.store.run(&parked.public_id).await.unwrap().unwrap();
    assert_eq!(answer(&run), "\"version 3, third\"");
    assert_ne!(run.digest, parked.digest);
    let own = app.store.run(&by_own.id).await.unwrap().unwrap();
    assert_eq!((own.status, own.digest), (Status::Parked, parked.digest));
    app.stop().await;
}

fn answer(run: &Run) -> String {
    match serde_json::from_slice(run.outcome.as_deref().unwrap()).unwrap() {
        Outcome::Answer(answer) => value::to_json(&answer),
        Outcome::Failure(failure) => failure.message,
    }
}
