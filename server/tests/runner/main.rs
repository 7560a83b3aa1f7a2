//! The runner over a store in memory or in a folder, with upstreams in this process.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

#[cfg(test)]
mod adaptive;
#[cfg(test)]
mod arrivals;
#[cfg(test)]
mod asleep;
mod bound;
#[cfg(test)]
mod children;
#[cfg(test)]
mod compacting;
#[cfg(test)]
mod compensation;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod errands;
#[cfg(test)]
mod held;
#[cfg(test)]
mod keyed;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod large;
#[cfg(test)]
mod once;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod stops;
#[cfg(test)]
mod told;
#[cfg(test)]
mod unkept;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::http::{HeaderMap, StatusCode};
use pathway_engine::compile::{File, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::journal::{Outcome, Signal};
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};
use pathway_engine::vm::{Class, Failure};
use pathway_engine::{Value, value};
use pathway_server::bus::{Bus, EmbeddedBus, NewRecord};
use pathway_server::clock::Clock;
use pathway_server::definition::Definition;
use pathway_server::effects::http::HttpClient;
use pathway_server::ids::Ids;
use pathway_server::runner::{Compacting, Parts, Runner, Vouch};
use pathway_server::seal::{SealKey, SealKeys};
use pathway_server::store::{Filter, Run, SqliteStore, Status, Store};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

/// The longest that anything here may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Of all processes here, one after the other.
static KEYS: LazyLock<SealKeys> = LazyLock::new(|| SealKey::generate().unwrap().into());

struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

fn program(project: &str, pathways: &[&str]) -> (Arc<Project>, Program) {
    let mut sources = Sources::new();
    let mut diagnostics = Diagnostics::new();
    let variables = Variables::new();
    let mut parse = |name: &str, text: &str, diagnostics: &mut Diagnostics| {
        let file = sources.add(name, text.to_owned());
        source::parse(&sources, file, source::Limits::default(), diagnostics).unwrap()
    };
    let node = parse("pathway.yaml", project, &mut diagnostics);
    let project = Project::read(&node, &variables, &mut diagnostics);
    let files: Vec<_> = pathways
        .iter()
        .map(|text| File { text: (*text).into(), node: parse("p.yaml", text, &mut diagnostics) })
        .collect();
    let surroundings = Surroundings { project: &project, variables: &variables };
    let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
    assert!(
        !diagnostics.has_errors(),
        "{}",
        render(&diagnostics.clone().sorted(), &sources, Format::Human { color: false })
    );
    (Arc::new(project), program)
}

/// An upstream that counts calls by path and key, and holds those to `/slow` until it is let go; those to
/// `/steady` take as long as each other.
#[derive(Clone, Default)]
struct Upstream {
    calls: Arc<Mutex<Vec<(String, String)>>>,
    called: Arc<Notify>,
    go: Arc<Notify>,
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
            upstream.called.notify_one();
            match path.as_str() {
                "slow" => upstream.go.notified().await,
                "broken" => return (StatusCode::BAD_REQUEST, "no".into()),
                "sick" => return (StatusCode::SERVICE_UNAVAILABLE, "no".into()),
                // For a while, and then no more.
                "away" if upstream.count("away") < 12 => {
                    return (StatusCode::SERVICE_UNAVAILABLE, "no".into());
                }
                "busy" => return (StatusCode::TOO_MANY_REQUESTS, "later".into()),
                "steady" => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => {}
            }
            (StatusCode::OK, format!("got {path}"))
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/{*path}", axum::routing::any(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    /// Waits until `path` was called so often.
    async fn called(&self, path: &str, times: usize) {
        let wait = async {
            while self.count(path) < times {
                self.called.notified().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("it was not called in time");
    }

    fn count(&self, path: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(known, _)| known == path).count()
    }
}

struct World<S = SqliteStore> {
    store: Arc<S>,
    bus: Arc<EmbeddedBus>,
    runner: Runner,
}

impl<S: Store + 'static> World<S> {
    async fn start(store: S, compiled: (Arc<Project>, Program)) -> Self {
        Self::start_with(store, compiled, None).await
    }

    async fn start_with(store: S, compiled: (Arc<Project>, Program), vouch: Option<Arc<dyn Vouch>>) -> Self {
        Self::start_at(store, compiled, vouch, Clock::system()).await
    }

    async fn start_at(
        store: S,
        compiled: (Arc<Project>, Program),
        vouch: Option<Arc<dyn Vouch>>,
        clock: Clock,
    ) -> Self {
        Self::start_compacting(store, compiled, (vouch, clock), Compacting::default()).await
    }

    async fn start_compacting(
        store: S,
        (project, program): (Arc<Project>, Program),
        (vouch, clock): (Option<Arc<dyn Vouch>>, Clock),
        compacting: Compacting,
    ) -> Self {
        let store = Arc::new(store);
        let bus = Arc::new(EmbeddedBus::new(store.clone()));
        let parts = Parts {
            program,
            project,
            store: store.clone(),
            bus: bus.clone(),
            keys: KEYS.clone(),
            vouch,
            definition: Definition::default(),
            variables: Variables::new(),
            mocks: None,
            transport: Arc::new(HttpClient::new().unwrap()),
            clock,
            ids: Ids::system(),
            traces: None,
            compacting,
        };
        let runner = Runner::start(parts).await.unwrap();
        runner.consume();
        Self { store, bus, runner }
    }

    async fn publish(&self, topic: &str, value: &str) {
        let record = NewRecord {
            topic: topic.into(),
            key: None,
            value: Some(value.as_bytes().to_vec().into()),
            headers: Vec::new().into(),
            time: now(),
        };
        self.bus.publish(vec![record]).await.unwrap();
    }

    /// Waits until `count` runs have this status; the newest first.
    async fn until(&self, status: Status, count: usize) -> Vec<Run> {
        let wait = async {
            let mut observed = self.runner.observe();
            loop {
                let runs = self.runs(Some(status)).await;
                if runs.len() >= count {
                    return runs;
                }
                // A run is seen after it is durable, so nothing is missed in between.
                if let Err(RecvError::Closed) = observed.recv().await {
                    panic!("the runner is gone");
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("the runs did not get there in time")
    }

    async fn runs(&self, status: Option<Status>) -> Vec<Run> {
        let filter = Filter { status, pathway: None, before: None, limit: 1000 };
        self.store.runs(filter).await.unwrap()
    }

    async fn values(&self, topic: &str) -> Vec<String> {
        let records = self.store.records(topic, 0, 0, 1000, usize::MAX).await.unwrap();
        records.into_iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
    }
}

/// Records that are as old as the epoch are forgotten at once.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn outcome(run: &Run) -> Outcome {
    serde_json::from_slice(run.outcome.as_deref().unwrap()).unwrap()
}

fn answer(run: &Run) -> String {
    match outcome(run) {
        Outcome::Answer(answer) => value::to_json(&answer),
        Outcome::Failure(failure) => panic!("{failure:?}"),
    }
}

fn project(url: &str) -> String {
    format!("services: {{ api: {{ url: \"{url}\", retry: {{ attempts: 2, delay: 10ms }} }} }}\n")
}

#[tokio::test]
async fn a_record_becomes_a_run_that_calls_publishes_and_starts_another() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let first = r#"
pathway: first
on: { topic: orders }
steps:
  call: { http: { service: api, get: "/{{ input.id }}" } }
  tell: { publish: { topic: done, key: input.id, value: { id: "{{ input.id }}", got: "{{ steps.call.body }}" } } }
return: "{{ steps.call.body }}"
"#;
    let second = "pathway: second\non: { topic: done }\nreturn: \"{{ input.got | upper }}\"\n";
    let world =
        World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[first, second])).await;
    world.publish("orders", r#"{"id": "a1"}"#).await;
    let runs = world.until(Status::Succeeded, 2).await;
    let mut answers: Vec<_> = runs.iter().map(|run| (run.pathway.clone(), answer(run))).collect();
    answers.sort();
    assert_eq!(
        answers,
        [("first".into(), "\"got a1\"".into()), ("second".to_owned(), "\"GOT A1\"".to_owned())]
    );
    assert_eq!(world.values("done").await, [r#"{"id":"a1","got":"got a1"}"#]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_with_a_dead_letter_and_stops_nothing() {
    let pathway = "pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n";
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    world.publish("t", "{broken").await;
    world.publish("t", r#"{"n": 1}"#).await;
    let parked = world.until(Status::Parked, 1).await;
    let Outcome::Failure(failure) = outcome(&parked[0]) else { panic!("not failed") };
    assert_eq!(failure.class, Class::Invalid);
    assert_eq!(answer(&world.until(Status::Succeeded, 1).await[0]), "1");
    assert_eq!(world.values("t.dlq").await, ["{broken"]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn runs_of_one_lane_keep_their_order_and_others_do_not_wait() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t, key: input.user }
steps: { call: { http: { service: api, get: "/{{ input.path }}" } } }
return: "{{ input.path }}"
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[pathway])).await;
    for (user, path) in [("a", "slow"), ("a", "second"), ("b", "other")] {
        world.publish("t", &format!(r#"{{"user": "{user}", "path": "{path}"}}"#)).await;
    }
    let done = world.until(Status::Succeeded, 1).await;
    assert_eq!(answer(&done[0]), "\"other\"");
    assert_eq!(upstream.count("second"), 0);
    upstream.go.notify_one();
    world.until(Status::Succeeded, 3).await;
    let order: Vec<_> = upstream.calls.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    let place = |path: &str| order.iter().position(|known| known == path).unwrap();
    assert!(place("slow") < place("second"));
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_restart_goes_on_without_repeating_what_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  one: { http: { service: api, get: /one } }
  slow: { needs: one, http: { service: api, get: /slow } }
return: "{{ steps.one.body }}, {{ steps.slow.body }}"
"#;
    let compiled = || program(&project(&url), &[pathway]);
    let open = |folder: &Path| SqliteStore::open(folder).unwrap();
    let world = World::start(open(folder.path()), compiled()).await;
    world.publish("t", "{}").await;
    upstream.called("slow", 1).await;
    world.runner.stop(Duration::ZERO).await;
    drop(world);

    let world = World::start(open(folder.path()), compiled()).await;
    upstream.called("slow", 2).await;
    upstream.go.notify_waiters();
    let runs = world.until(Status::Succeeded, 1).await;
    assert_eq!(answer(&runs[0]), "\"got one, got slow\"");
    assert_eq!(upstream.count("one"), 1);
    let keys: HashMap<_, _> = upstream.calls.lock().unwrap().iter().cloned().collect();
    assert_eq!(keys.len(), 2, "the same step has the same key: {keys:?}");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_child_answers_its_caller_and_a_signal_wakes_a_run() {
    let parent = r#"
pathway: parent
on: { topic: t }
steps: { ask: { call: { pathway: child, input: { n: 2 } } } }
return: "{{ steps.ask }}"
"#;
    let child = r#"
pathway: child
steps: { approval: { wait: { signal: approved } } }
return: "{{ input.n + steps.approval.n }}"
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[parent, child])).await;
    world.publish("t", "{}").await;
    let ready = world.until(Status::Ready, 2).await;
    let child = ready.iter().find(|run| run.pathway == "child").unwrap();
    let signal =
        || Signal { name: "approved".into(), payload: Value::from_pairs([("n", 40)]), from: None, key: None };
    let told = async {
        while !world.runner.signal(&child.public_id, signal()).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, told).await.unwrap();
    let runs = world.until(Status::Succeeded, 2).await;
    assert!(runs.iter().all(|run| answer(run) == "42"), "{runs:?}");
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn cancelling_ends_a_run_and_gives_its_slots_back() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = "pathway: p\non: { topic: t }\nsteps: { slow: { http: { service: api, get: /slow } } }\n";
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[pathway])).await;
    world.publish("t", "{}").await;
    upstream.called.notified().await;
    let run = world.until(Status::Ready, 1).await[0].public_id.clone();
    assert!(world.runner.cancel(&run, Failure::new(Class::Cancelled, "enough")).await.unwrap());
    world.until(Status::Cancelled, 1).await;
    world.runner.stop(DEADLINE).await;
    assert!(world.runner.slots().usage().iter().all(|usage| usage.in_use == 0));
}

#[tokio::test]
async fn a_run_that_has_begun_goes_on_before_others_begin() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let pathway = r#"
pathway: p
on: { topic: t }
max_runs: 1
steps:
  one: { http: { service: api, get: "/{{ input.n }}1" } }
  two: { needs: one, http: { service: api, get: "/{{ input.n }}2" } }
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[pathway])).await;
    for n in ["a", "b", "c"] {
        world.publish("t", &format!(r#"{{"n": "{n}"}}"#)).await;
    }
    world.until(Status::Succeeded, 3).await;
    let order: Vec<_> = upstream.calls.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(order, ["a1", "a2", "b1", "b2", "c1", "c2"]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn runs_at_once_are_bounded_and_one_behind_an_open_circuit_holds_no_slot() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let project = format!(
        "max_runs: 1\nservices:\n  api: {{ url: \"{url}\" }}\n  down: {{ url: \"http://127.0.0.1:1\", \
         retry: {{ attempts: 2, delay: 1ms }}, circuit: {{ failures: 1, open: 600s, half_open: 1 }} }}\n"
    );
    let down = "pathway: down\non: { topic: down }\nsteps: { a: { http: { service: down, get: / } } }\n";
    let call = r#"
pathway: call
on: { topic: t }
steps: { a: { http: { service: api, get: "/{{ input.path }}" } } }
return: "{{ steps.a.body }}"
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project, &[down, call])).await;
    world.publish("down", "{}").await;
    // The first attempt opens the circuit; the second waits behind it.
    let open = async {
        while world.runner.upstreams().circuits().iter().all(|(_, circuit)| circuit.opened_at.is_none()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, open).await.unwrap();
    world.publish("t", r#"{"path": "slow"}"#).await;
    world.publish("t", r#"{"path": "next"}"#).await;
    tokio::time::timeout(DEADLINE, upstream.called.notified()).await.unwrap();
    assert_eq!((upstream.count("slow"), upstream.count("next")), (1, 0));
    upstream.go.notify_one();
    world.until(Status::Succeeded, 2).await;
    assert_eq!(world.runs(Some(Status::Ready)).await.len(), 1, "the one behind the circuit");
    world.runner.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_is_over_is_forgotten_in_time_and_what_is_parked_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let pathway = "pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n";
    let open = || SqliteStore::open(folder.path()).unwrap();
    let world = World::start(open(), program("{}", &[pathway])).await;
    for record in [r#"{"n": 1}"#, "{broken", r#"{"n": 2}"#, r#"{"n": 3}"#] {
        world.publish("t", record).await;
    }
    world.until(Status::Succeeded, 3).await;
    world.runner.stop(DEADLINE).await;
    drop(world);

    let world = World::start(open(), program("store: { keep: 1ms }", &[pathway])).await;
    let forgotten = async {
        // The newest stays, since its number tells which comes next.
        while world.runs(Some(Status::Succeeded)).await.len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, forgotten).await.unwrap();
    assert_eq!(world.runs(Some(Status::Parked)).await.len(), 1);
}

#[tokio::test]
async fn how_long_a_run_is_kept_is_said_by_how_it_ended_and_by_its_pathway() {
    let (short, long) = ("pathway: short\non: { topic: t }\n", "pathway: long\non: { topic: t }\n");
    let ends = "steps: { f: { when: input.n == 2, fail: { class: denied, message: no } } }\nreturn: 1\n";
    let keeps = "keep: { succeeded: 1h }\n";
    let pathways = [format!("{short}{ends}"), format!("{long}{keeps}{ends}")];
    let pathways = [pathways[0].as_str(), pathways[1].as_str()];
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(folder.path()).unwrap();
    let world = World::start(open(), program("{}", &pathways)).await;
    for record in [r#"{"n": 1}"#, r#"{"n": 2}"#, r#"{"n": 3}"#] {
        world.publish("t", record).await;
    }
    world.until(Status::Succeeded, 4).await;
    for parked in world.until(Status::Parked, 2).await {
        world.runner.drop_parked(parked).await.unwrap();
    }
    world.runner.stop(DEADLINE).await;
    drop(world);

    let project = "store: { keep: { succeeded: 1ms, failed: 1h, records: 1h } }";
    let world = World::start(open(), program(project, &pathways)).await;
    let of = |runs: Vec<Run>| {
        let mut names: Vec<_> = runs.into_iter().map(|run| run.pathway).collect();
        names.sort();
        names
    };
    let left = async {
        loop {
            let left = of(world.runs(Some(Status::Succeeded)).await);
            if left == ["long", "long"] || left == ["long", "long", "short"] {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, left).await.unwrap();
    assert_eq!(of(world.runs(Some(Status::Failed)).await), ["long", "short"]);
    assert_eq!(world.values("t").await.len(), 3);
    world.runner.stop(DEADLINE).await;
}
