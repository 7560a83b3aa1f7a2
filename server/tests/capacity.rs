//! How busy a runner says that it is.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use pathway_engine::Value;
use pathway_engine::compile::{File, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::journal::Signal;
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};
use pathway_server::bus::{Bus, EmbeddedBus, NewRecord};
use pathway_server::clock::Clock;
use pathway_server::definition::Definition;
use pathway_server::effects::http::HttpClient;
use pathway_server::ids::Ids;
use pathway_server::runner::{Compacting, Observed, Parts, Runner};
use pathway_server::seal::SealKey;
use pathway_server::store::SqliteStore;
use tokio::sync::broadcast;

const DEADLINE: Duration = Duration::from_secs(20);

struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

struct World {
    bus: Arc<EmbeddedBus>,
    runner: Runner,
    observed: broadcast::Receiver<Observed>,
}

impl World {
    async fn start(project: &str, pathways: &[&str]) -> Self {
        let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
        let variables = Variables::new();
        let mut parse = |text: &str| {
            let file = sources.add("file.yaml", text);
            source::parse(&sources, file, source::Limits::default(), &mut diagnostics).unwrap()
        };
        let node = parse(project);
        let files: Vec<_> =
            pathways.iter().map(|text| File { text: (*text).into(), node: parse(text) }).collect();
        let project = Project::read(&node, &variables, &mut diagnostics);
        let surroundings = Surroundings { project: &project, variables: &variables };
        let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
        let report = render(&diagnostics.clone().sorted(), &sources, Format::Human { color: false });
        assert!(!diagnostics.has_errors(), "{report}");
        let store = Arc::new(SqliteStore::in_memory().unwrap());
        let bus = Arc::new(EmbeddedBus::new(store.clone()));
        let parts = Parts {
            program,
            project: Arc::new(project),
            store,
            bus: bus.clone(),
            keys: SealKey::generate().unwrap().into(),
            vouch: None,
            definition: Definition::default(),
            variables: Variables::new(),
            mocks: None,
            transport: Arc::new(HttpClient::new().unwrap()),
            clock: Clock::system(),
            ids: Ids::system(),
            traces: None,
            compacting: Compacting::default(),
        };
        let runner = Runner::start(parts).await.unwrap();
        runner.consume();
        let observed = runner.observe();
        Self { bus, runner, observed }
    }

    async fn publish(&self, topic: &str, value: &str) {
        let record = NewRecord {
            topic: topic.into(),
            key: None,
            value: Some(value.as_bytes().to_vec().into()),
            headers: Vec::new().into(),
            time: 0,
        };
        self.bus.publish(vec![record]).await.unwrap();
    }

    /// The next run of `p` that begins.
    async fn began(&mut self) -> String {
        self.next(|seen| match seen {
            Observed::Began { run, pathway } if *pathway == *"p" => Some(run),
            _ => None,
        })
        .await
    }

    async fn ended(&mut self) {
        self.next(|seen| matches!(seen, Observed::Ended { .. }).then_some(())).await;
    }

    async fn next<T>(&mut self, mut wanted: impl FnMut(Observed) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = wanted(self.observed.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap()
    }

    async fn signal(&self, run: &str) {
        let signal = Signal { name: "go".to_owned(), payload: Value::from(()), from: None, key: None };
        assert!(self.runner.signal(run, signal).await.unwrap());
    }
}

const LANE: &str = r#"
pathway: p
on: { topic: t, key: input.user }
steps:
  child: { call: { pathway: child, input: {} } }
  go: { wait: { signal: go } }
"#;
const CHILD: &str = "pathway: child\nreturn: 1\n";

#[tokio::test]
async fn runs_that_wait_for_their_lane_are_queued_until_they_begin() {
    let mut world = World::start("{}", &[LANE, CHILD]).await;
    for user in ["ann", "ann", "ann", "bob"] {
        world.publish("t", &format!(r#"{{"user": "{user}"}}"#)).await;
    }
    let (ann, _bob) = (world.began().await, world.began().await);
    // Those of ann come before that of bob, which has begun: all are admitted.
    assert_eq!(world.runner.queued("p"), 2);
    assert_eq!(world.runner.queued("child"), 0);
    assert_eq!(world.runner.queued("unknown"), 0);
    world.signal(&ann).await;
    let second = world.began().await;
    assert_eq!(world.runner.queued("p"), 1);
    world.signal(&second).await;
    world.began().await;
    world.runner.stop(Duration::ZERO).await;
    assert_eq!((world.runner.queued("p"), world.runner.queued("child")), (0, 0));
}

#[tokio::test]
async fn a_service_that_is_out_of_order_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let router = Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let project = format!(
        r#"
defaults: {{ service: {{ retry: {{ attempts: 1 }} }} }}
services:
  api: {{ url: "http://{address}", circuit: {{ failures: 1, open: 300s, half_open: 1 }} }}
  same: {{ like: api }}
  good: {{ url: "http://{address}", circuit: {{ failures: 1, open: 300s, half_open: 1 }} }}
  plain: {{ url: "http://{address}" }}
  user: {{ like: api, headers: {{ authorization: "{{{{ auth.token }}}}" }}, without_token: good }}
"#
    );
    let pathway = |name: &str, service: &str| {
        format!(
            "pathway: {name}\non: {{ topic: {name} }}\nsteps: {{ a: {{ http: {{ service: {service}, get: / }} }} }}\n"
        )
    };
    let mut world = World::start(&project, &[&pathway("a", "api"), &pathway("b", "good")]).await;
    for service in ["api", "same", "good", "plain", "user", "unknown"] {
        assert_eq!(world.runner.upstreams().opens_after(service), None, "{service}");
    }
    world.publish("a", "{}").await;
    world.ended().await;
    let opens_after = |service: &str| world.runner.upstreams().opens_after(service);
    let wait = opens_after("api").unwrap();
    assert!(wait > Duration::from_secs(200) && wait <= Duration::from_secs(300), "{wait:?}");
    assert!(opens_after("same").is_some(), "it has the same circuit");
    assert!(opens_after("good").is_none());
    assert!(opens_after("user").is_none(), "without a token the other is called");
    world.publish("b", "{}").await;
    world.ended().await;
    assert!(world.runner.upstreams().opens_after("user").is_some());
    world.runner.stop(Duration::ZERO).await;
}
