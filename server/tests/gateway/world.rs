//! A gateway on a free port with an in-memory store, and a runner that does what a test says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use pathway_engine::compile::{File, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::journal::{Outcome, Signal};
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};
use pathway_engine::value::from_serde;
use pathway_engine::vm::{Class, Failure};
use pathway_server::bus::{self, Bus, EmbeddedBus, NewRecord, Start};
use pathway_server::clock::Clock;
use pathway_server::envelope::{Envelope, Sealed, input_hash};
use pathway_server::gateway::{
    Capacity, CommandError, Commands, Gateway, Limits, Parts, Readiness, ServeError,
};
use pathway_server::identity::{AdminToken, Identity};
use pathway_server::ids::Ids;
use pathway_server::piece::{Piece, Said};
use pathway_server::seal::{SealKey, SealKeys};
use pathway_server::store::{
    Admission, Admit, Append, Idempotency, NewRun, Record, RunId, SqliteStore, Status, StatusChange, Store,
    StreamRow,
};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The token of services.
pub(crate) const ADMIN: &str = "the-token-of-the-operators";

pub(crate) const UNVERIFIED: &str = "auth: { mode: unverified }\ncors: { origins: [\"http://app.test\"] }\n";

struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

/// Reads a project and compiles its pathways, all of which must be good.
pub(crate) fn compiled(project: &str, pathways: &[&str]) -> (Project, Program) {
    let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
    let variables = Variables::new();
    let limits = source::Limits::default;
    let file = sources.add("pathway.yaml", project);
    let project = source::parse(&sources, file, limits(), &mut diagnostics)
        .filter(|_| !project.is_empty())
        .map(|node| Project::read(&node, &variables, &mut diagnostics))
        .unwrap_or_default();
    let mut files = Vec::new();
    for (n, text) in pathways.iter().enumerate() {
        let file = sources.add(format!("{n}.pathway.yaml"), *text);
        let node = source::parse(&sources, file, limits(), &mut diagnostics).unwrap();
        files.push(File { text: (*text).into(), node });
    }
    let surroundings = Surroundings { project: &project, variables: &variables };
    let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
    let report = render(&diagnostics.clone().sorted(), &sources, Format::Human { color: false });
    assert!(!diagnostics.has_errors(), "{report}");
    (project, program)
}

/// A run that the gateway's request became.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    pub(crate) id: RunId,
    pub(crate) public_id: String,
    pub(crate) input: Json,
    pub(crate) envelope: Envelope,
    pub(crate) record: Record,
}

/// What becomes of every run that is admitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Runner {
    /// It returns its input.
    Echo,
    /// It returns its input, before the gateway knows that it was published.
    EchoFirst,
    /// What the test does with it, see [`World::admitted`].
    Manual,
    /// Nothing is admitted.
    Absent,
}

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: SealKeys,
    pub(crate) ready: watch::Sender<Readiness>,
    pub(crate) reach: watch::Sender<bus::Reach>,
    pub(crate) capacity: Arc<Busy>,
    pub(crate) stop: CancellationToken,
    pub(crate) commands: Arc<Recorded>,
    pub(crate) client: Client,
    pub(crate) gateway: Gateway,
    pub(crate) parts: Parts,
    pub(crate) served: Option<JoinHandle<Result<(), ServeError>>>,
    admitted: mpsc::UnboundedReceiver<Admitted>,
}

impl World {
    pub(crate) async fn start(pathways: &[&str], runner: Runner) -> Self {
        Self::start_with(UNVERIFIED, pathways, runner, Limits::default()).await
    }

    pub(crate) async fn start_with(project: &str, pathways: &[&str], runner: Runner, limits: Limits) -> Self {
        Self::start_at(project, pathways, runner, limits, Clock::system()).await
    }

    /// With a clock that tokens and tickets are verified by.
    pub(crate) async fn start_at(
        project: &str,
        pathways: &[&str],
        runner: Runner,
        limits: Limits,
        clock: Clock,
    ) -> Self {
        let (project, program) = compiled(project, pathways);
        let (project, program) = (Arc::new(project), Arc::new(program));
        let identity = Arc::new(Identity::with_clock(project.auth.as_ref(), clock.clone()).unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let bus = Arc::new(EmbeddedBus::new(store.clone()));
        let read = watch::Sender::new(0);
        let reach = watch::Sender::new(Ok(()));
        let late = (runner == Runner::EchoFirst).then(|| read.subscribe());
        let gateway_bus = Arc::new(GatewayBus { bus: bus.clone(), read: late, reach: reach.clone() });
        let capacity = Arc::new(Busy::default());
        let keys = SealKeys::from(SealKey::generate().unwrap());
        let (ready, ready_receiver) = watch::channel(Ok(()));
        let stop = CancellationToken::new();
        let commands = Arc::new(Recorded::default());
        let parts = Parts {
            project: project.clone(),
            program: program.clone(),
            store: store.clone(),
            bus: gateway_bus,
            commands: commands.clone(),
            capacity: capacity.clone(),
            identity,
            admin: AdminToken::new(ADMIN).unwrap(),
            keys: keys.clone(),
            clock,
            ids: Ids::system(),
            ready: ready_receiver,
            stop: stop.clone(),
            limits,
            traces: None,
        };
        let (gateway, url, served) = serve(parts.clone()).await;
        let (sender, admitted) = mpsc::unbounded_channel();
        if runner != Runner::Absent {
            for plan in program.pathways.values() {
                let admission = Admitting {
                    pathway: plan.name.to_string(),
                    digest: plan.digest.to_string(),
                    correlation: plan.door.correlation.as_ref().map(|field| field.value.clone()),
                    topic: project.topics.real(&plan.topic()).to_owned(),
                    store: store.clone(),
                    keys: keys.clone(),
                    read: read.clone(),
                };
                tokio::spawn(admission.run(bus.clone(), runner, sender.clone()));
            }
        }
        let client = Client::builder().no_proxy().build().unwrap();
        let served = Some(served);
        Self {
            url,
            store,
            keys,
            ready,
            reach,
            capacity,
            stop,
            commands,
            client,
            gateway,
            parts,
            served,
            admitted,
        }
    }

    /// Stops the gateway.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        self.served.take().unwrap().await.unwrap().unwrap();
    }

    /// Starts another gateway with what the former one left, and this bus.
    pub(crate) async fn start_again(&mut self, bus: Arc<dyn Bus>) {
        self.stop = CancellationToken::new();
        self.parts = Parts { stop: self.stop.clone(), bus, ..self.parts.clone() };
        let (gateway, url, served) = serve(self.parts.clone()).await;
        (self.gateway, self.url, self.served) = (gateway, url, Some(served));
    }

    /// The next run.
    pub(crate) async fn admitted(&mut self) -> Admitted {
        tokio::time::timeout(Duration::from_secs(20), self.admitted.recv()).await.unwrap().unwrap()
    }

    /// Whether there is no further run.
    pub(crate) fn nothing_admitted(&mut self) -> bool {
        self.admitted.try_recv().is_err()
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(token("ann"))
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> RequestBuilder {
        self.post_text(path, body.to_string())
    }

    pub(crate) fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.url))
            .bearer_auth(token("ann"))
            .header("content-type", "application/json")
            .body(body)
    }

    pub(crate) async fn returns(&self, run: &Admitted, value: Json) {
        finish(&*self.store, run.id, Status::Succeeded, Outcome::Answer(from_serde(&value))).await;
    }

    pub(crate) async fn fails(&self, run: &Admitted, status: Status, failure: Failure) {
        finish(&*self.store, run.id, status, Outcome::Failure(failure)).await;
    }

    pub(crate) async fn emits(&self, run: &Admitted, (attempt, seq): (u32, u32), value: Json) {
        self.streams(run, (attempt, seq), Said::Emitted(from_serde(&value))).await;
    }

    pub(crate) async fn streams(&self, run: &Admitted, (attempt, seq): (u32, u32), said: Said) {
        let value = serde_json::to_vec(&Piece { step: "s".to_owned(), attempt, said }).unwrap();
        self.store.append_stream(run.id, vec![StreamRow { attempt, seq, value }]).await.unwrap();
    }

    /// Who asked for a run, unsealed.
    pub(crate) fn sealed(&self, run: &Admitted) -> Sealed {
        let sealed = run.envelope.sealed.as_deref().unwrap();
        Sealed::open(&self.keys, sealed, &run.envelope.pathway, &run.public_id).unwrap()
    }
}

/// A gateway on a free port.
async fn serve(parts: Parts) -> (Gateway, String, JoinHandle<Result<(), ServeError>>) {
    let gateway = Gateway::new(parts);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (gateway.clone(), url, tokio::spawn(gateway.serve(listener)))
}

/// What a test knows of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Json,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that it is a problem of this status.
    #[track_caller]
    pub(crate) fn problem(self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["instance"], self.header("x-request-id"));
        for member in ["type", "title", "detail", "class"] {
            assert!(
                self.body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {}",
                self.body
            );
        }
        self.body
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Json {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    answer(request.send().await.unwrap()).await
}

pub(crate) async fn answer(response: Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Json::String(text)) }
}

/// A token that says it is of `subject`; nobody signed it.
pub(crate) fn token(subject: &str) -> String {
    token_of(&json!({ "sub": subject, "role": "authenticated", "email": "a@b.test" }))
}

pub(crate) fn token_of(claims: &Json) -> String {
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.{}", part(&json!({ "alg": "HS256" })), part(claims), "c2lnbmF0dXJl")
}

async fn finish(store: &dyn Store, run: RunId, status: Status, outcome: Outcome) {
    let outcome = Some(serde_json::to_vec(&outcome).unwrap());
    let change = StatusChange { status, outcome, wake_at: None, at: 1_700_000_001_000 };
    store.append(Append { status: Some(change), ..Append::new(run, 1) }).await.unwrap();
}

/// Admits the records of one pathway, as the runner does.
struct Admitting {
    pathway: String,
    digest: String,
    correlation: Option<String>,
    topic: String,
    store: Arc<dyn Store>,
    keys: SealKeys,
    read: watch::Sender<i64>,
}

impl Admitting {
    async fn run(self, bus: Arc<EmbeddedBus>, runner: Runner, sender: mpsc::UnboundedSender<Admitted>) {
        self.store.define(&self.digest, "text").await.unwrap();
        let mut records = bus.subscribe(&self.topic, Start::Oldest).await.unwrap();
        while let Ok(batch) = records.next_batch(1, 1 << 30).await {
            let [record] = batch.records.as_slice() else { panic!("one record") };
            let admitted = self.admit(record, batch.from_offset, batch.next_offset).await;
            self.read.send_replace(batch.next_offset);
            let Some(admitted) = admitted else { continue };
            if matches!(runner, Runner::Echo | Runner::EchoFirst) {
                let input = Outcome::Answer(from_serde(&admitted.input));
                finish(&*self.store, admitted.id, Status::Succeeded, input).await;
            }
            // Nobody asks for it in some tests.
            let _nobody = sender.send(admitted);
        }
    }

    async fn admit(&self, record: &Record, from_offset: i64, next_offset: i64) -> Option<Admitted> {
        let envelope = Envelope::from_headers(&record.headers).unwrap();
        let input: Json = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let sealed = envelope.sealed.as_deref();
        let sealed =
            sealed.map(|sealed| Sealed::open(&self.keys, sealed, &envelope.pathway, &envelope.run).unwrap());
        let run = NewRun {
            public_id: envelope.run.clone(),
            pathway: self.pathway.clone(),
            digest: self.digest.clone(),
            subject: sealed.map(|sealed| sealed.principal.sub),
            offset: Some(record.offset),
            lane: None,
            correlation: (envelope.correlation != envelope.run).then(|| envelope.correlation.clone()),
            dedupe_id: input["dedupe"].as_str().map(str::to_owned),
            idempotency: envelope.idempotency_key.clone().map(|key| Idempotency {
                key,
                input_hash: input_hash(&from_serde(&input), self.correlation.as_deref()),
            }),
            rerun_of: None,
            at: 1_700_000_000_000,
            started: Vec::new(),
            status: Status::Ready,
            outcome: None,
            records: Vec::new(),
            stream: Vec::new(),
        };
        let topic = self.topic.clone();
        let admit = Admit {
            topic,
            partition: 0,
            proof: None,
            from_offset,
            next_offset,
            received: Vec::new(),
            runs: vec![run],
        };
        match self.store.admit(admit).await.unwrap().as_slice() {
            [Admission::Inserted(id)] => Some(Admitted {
                id: *id,
                public_id: envelope.run.clone(),
                input,
                envelope,
                record: record.clone(),
            }),
            _ => None,
        }
    }
}

/// Commands that were given.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) given: Mutex<Vec<String>>,
}

impl Commands for Recorded {
    fn cancel(&self, run: &str) -> BoxFuture<'_, Result<(), CommandError>> {
        self.given.lock().unwrap().push(format!("cancel {run}"));
        Box::pin(async { Ok(()) })
    }

    fn signal(&self, run: &str, signal: Signal) -> BoxFuture<'_, Result<(), CommandError>> {
        let Signal { name, payload, from, key } = signal;
        assert_ne!(name, "panic", "secret of the server");
        let payload = pathway_engine::value::to_json(&payload);
        self.given.lock().unwrap().push(format!("{name} {run} {payload} {from:?} {key:?}"));
        let refused =
            (name == "nobody_waits").then(|| CommandError::Refused("nobody waits for it".to_owned()));
        Box::pin(async { refused.map_or(Ok(()), Err) })
    }
}

pub(crate) fn failure(class: Class, message: &str) -> Failure {
    Failure::new(class, message)
}

/// How busy a test says that the runner is.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    pub(crate) queued: AtomicUsize,
    /// Services whose circuits are open, and for how long.
    pub(crate) open: Mutex<HashMap<String, Duration>>,
}

impl Capacity for Busy {
    fn queued(&self, _: &str) -> usize {
        self.queued.load(Ordering::SeqCst)
    }

    fn opens_after(&self, service: &str) -> Option<Duration> {
        self.open.lock().unwrap().get(service).copied()
    }
}

/// A bus that can be away, and, if it is of one topic, answers only when what was published has
/// been read.
#[derive(Debug)]
struct GatewayBus {
    bus: Arc<EmbeddedBus>,
    read: Option<watch::Receiver<i64>>,
    reach: watch::Sender<bus::Reach>,
}

impl Bus for GatewayBus {
    fn publish(&self, records: Vec<NewRecord>) -> bus::Answer<'_, Vec<bus::Offset>> {
        let mut read = self.read.clone();
        Box::pin(async move {
            let offsets = self.bus.publish(records).await?;
            if let Some(read) = &mut read {
                read.wait_for(|next| offsets.iter().all(|offset| offset < next)).await.unwrap();
            }
            Ok(offsets)
        })
    }

    fn subscribe(&self, topic: &str, start: Start) -> bus::Answer<'_, Box<dyn bus::Subscription>> {
        self.bus.subscribe(topic, start)
    }

    fn consume(&self, topics: Vec<bus::Work>) -> bus::Answer<'_, Box<dyn bus::Consumer>> {
        self.bus.consume(topics)
    }

    fn record(&self, topic: &str, partition: i32, offset: i64) -> bus::Answer<'_, Option<bus::Record>> {
        self.bus.record(topic, partition, offset)
    }

    fn reach(&self) -> tokio::sync::watch::Receiver<bus::Reach> {
        self.reach.subscribe()
    }
}
