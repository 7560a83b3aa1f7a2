//! Schedules: which ticks start runs, over restarts, overlaps and a bus that is away.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::{File, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::Variables;
use pathway_engine::journal::{Outcome, Signal};
use pathway_engine::project::{Project, Retention};
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};
use pathway_engine::value;
use pathway_server::app::{App, Role, Settings};
use pathway_server::bus::{self, Bus, BusError, EmbeddedBus, NewRecord, Start};
use pathway_server::clock::Clock;
use pathway_server::config::Request;
use pathway_server::definition::Definition;
use pathway_server::effects::http::HttpClient;
use pathway_server::ids::Ids;
use pathway_server::runner::{Compacting, Observed, Parts, Runner};
use pathway_server::schedule::Scheduler;
use pathway_server::seal::SealKey;
use pathway_server::store::{Filter, Run, SqliteStore, Status, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);

struct NoSchemas;

impl Schemas for NoSchemas {
    fn load(&mut self, _: FileId, _: &Spanned<String>, _: &mut Diagnostics) -> Option<Arc<Schema>> {
        None
    }
}

fn compiled(pathway: &str) -> Program {
    let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
    let file = sources.add("p.yaml", pathway);
    let node = source::parse(&sources, file, source::Limits::default(), &mut diagnostics).unwrap();
    let (project, variables) = (Project::default(), Variables::new());
    let surroundings = Surroundings { project: &project, variables: &variables };
    let files = [File { text: pathway.into(), node }];
    let program = compile(&files, surroundings, &mut NoSchemas, &mut diagnostics);
    let report = render(&diagnostics.clone().sorted(), &sources, Format::Human { color: false });
    assert!(!diagnostics.has_errors(), "{report}");
    program
}

fn at(text: &str) -> Timestamp {
    format!("2024-05-{text}Z").parse().unwrap()
}

/// The embedded bus, which may be away.
#[derive(Debug)]
struct Unsteady {
    bus: EmbeddedBus,
    away: AtomicBool,
}

impl Bus for Unsteady {
    fn publish(&self, records: Vec<NewRecord>) -> bus::Answer<'_, Vec<bus::Offset>> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(BusError::Store(StoreError::Stopped("away".into()))) });
        }
        self.bus.publish(records)
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

    fn reach(&self) -> watch::Receiver<bus::Reach> {
        self.bus.reach()
    }
}

struct World {
    program: Program,
    store: Arc<SqliteStore>,
    bus: Arc<Unsteady>,
    runner: Runner,
}

impl World {
    async fn start(pathway: &str) -> Self {
        let (program, store) = (compiled(pathway), Arc::new(SqliteStore::in_memory().unwrap()));
        let bus = Arc::new(Unsteady { bus: EmbeddedBus::new(store.clone()), away: AtomicBool::new(false) });
        // The times of ticks are of another year: nothing is to be forgotten for its age.
        let project = Project { keep: Retention::all(Duration::MAX), ..Project::default() };
        let parts = Parts {
            program: program.clone(),
            project: Arc::new(project),
            store: store.clone(),
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
        Self { program, store, bus, runner }
    }

    /// A process that begins to look after the schedules.
    async fn scheduler(&self, now: &str) -> Scheduler {
        Scheduler::load(&self.program, Arc::default(), self.store.clone(), self.bus.clone(), at(now))
            .await
            .unwrap()
    }

    async fn runs(&self, status: Option<Status>) -> Vec<Run> {
        let filter = Filter { status, pathway: None, before: None, limit: 1000 };
        let mut runs = self.store.runs(filter).await.unwrap();
        runs.reverse();
        runs
    }

    /// Waits until `count` runs have this status; the oldest first.
    async fn until(&self, status: Status, count: usize) -> Vec<Run> {
        let wait = async {
            let mut observed = self.runner.observe();
            loop {
                let runs = self.runs(Some(status)).await;
                if runs.len() >= count {
                    return runs;
                }
                observed.recv().await.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap()
    }

    /// What the runs that are over returned.
    async fn answers(&self, count: usize) -> Vec<String> {
        let runs = self.until(Status::Succeeded, count).await;
        assert_eq!(runs.len(), count);
        runs.iter().map(answer).collect()
    }

    /// The records that were published for ticks.
    async fn ticks(&self) -> Vec<String> {
        let records = self.store.records("pathway.p", 0, 0, 1000, usize::MAX).await.unwrap();
        let header = |record: &bus::Record| {
            let tick = record.headers.iter().find(|(name, _)| name == "pathway-tick").unwrap();
            String::from_utf8(tick.1.clone()).unwrap()
        };
        records.iter().map(header).collect()
    }

    async fn signal(&self, run: &Run) {
        let signal = Signal { name: "go".to_owned(), payload: Value::from(()), from: None, key: None };
        assert!(self.runner.signal(&run.public_id, signal).await.unwrap());
    }
}

fn answer(run: &Run) -> String {
    match serde_json::from_slice(run.outcome.as_deref().unwrap()).unwrap() {
        Outcome::Answer(answer) => value::to_json(&answer),
        Outcome::Failure(failure) => panic!("{failure:?}"),
    }
}

const DAILY: &str = r#"
pathway: p
on: { schedule: { cron: "0 3 * * *", zone: Asia/Kolkata, catch_up: 2 } }
return: "{{ input.scheduled_at }}"
"#;

#[tokio::test]
async fn a_tick_starts_one_run_however_many_processes_there_are() {
    let world = World::start(DAILY).await;
    let (mut one, mut two) = (world.scheduler("01T12:00:00").await, world.scheduler("01T12:00:00").await);
    let wait = one.tick(at("01T21:29:59")).await;
    assert_eq!(wait, Duration::from_secs(1));
    assert!(world.ticks().await.is_empty());
    for scheduler in [&mut one, &mut two] {
        scheduler.tick(at("01T21:30:00")).await;
        scheduler.tick(at("01T21:30:30")).await;
    }
    world.answers(1).await;
    one.tick(at("02T21:30:00.2")).await;
    assert_eq!(world.answers(2).await, ["\"2024-05-02T03:00:00+05:30\"", "\"2024-05-03T03:00:00+05:30\""]);
    assert_eq!(world.ticks().await.len(), 3, "the first was published by both");
    assert_eq!(world.runs(None).await.len(), 2);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_after_a_restart_and_only_once() {
    let world = World::start(DAILY).await;
    drop(world.scheduler("01T12:00:00").await);
    let mut scheduler = world.scheduler("05T12:00:00").await;
    scheduler.tick(at("05T12:00:00")).await;
    assert_eq!(world.answers(2).await, ["\"2024-05-04T03:00:00+05:30\"", "\"2024-05-05T03:00:00+05:30\""]);
    let mut scheduler = world.scheduler("05T12:00:01").await;
    scheduler.tick(at("05T12:00:01")).await;
    assert_eq!(world.ticks().await.len(), 2);
    world.runner.stop(DEADLINE).await;
}

fn waiting(overlap: &str) -> String {
    format!(
        "
pathway: p
on: {{ schedule: {{ cron: '@hourly', overlap: {overlap}, input: {{ hour: '{{{{ scheduled_at[11:13] }}}}' }} }} }}
steps: {{ go: {{ wait: {{ signal: go }} }} }}
return: '{{{{ input.hour }}}}'
"
    )
}

#[tokio::test]
async fn a_tick_is_left_out_while_the_run_before_goes_on() {
    let world = World::start(&waiting("skip")).await;
    let mut scheduler = world.scheduler("01T00:00:00").await;
    scheduler.tick(at("01T01:00:00")).await;
    // At once: the run of the first tick may not even be admitted.
    scheduler.tick(at("01T02:00:00")).await;
    let first = world.until(Status::Ready, 1).await.remove(0);
    scheduler.tick(at("01T03:00:00")).await;
    // A restart knows which run it is about.
    let mut scheduler = world.scheduler("01T03:30:00").await;
    scheduler.tick(at("01T04:00:00")).await;
    assert_eq!(world.ticks().await, ["2024-05-01T01:00:00+00:00"]);
    world.signal(&first).await;
    world.until(Status::Succeeded, 1).await;
    scheduler.tick(at("01T05:00:00")).await;
    let second = world.until(Status::Ready, 1).await.remove(0);
    world.signal(&second).await;
    assert_eq!(world.answers(2).await, ["\"01\"", "\"05\""]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn runs_of_ticks_wait_for_each_other() {
    let world = World::start(&waiting("queue")).await;
    let mut observed = world.runner.observe();
    let mut scheduler = world.scheduler("01T00:00:00").await;
    scheduler.tick(at("01T01:00:00")).await;
    scheduler.tick(at("01T02:00:00")).await;
    // A run that waits for its turn is seen by nobody.
    while world.runs(Some(Status::Ready)).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    let runs = world.until(Status::Ready, 2).await;
    assert_eq!(world.ticks().await.len(), 2);
    let mut began = Vec::new();
    while began.len() < 2 {
        match tokio::time::timeout(DEADLINE, observed.recv()).await.unwrap().unwrap() {
            Observed::Began { run, .. } => {
                assert_eq!(run, runs[began.len()].public_id);
                assert_eq!(world.runner.active(), 1, "one at a time");
                world.signal(&runs[began.len()]).await;
                began.push(run);
            }
            _ => continue,
        }
    }
    assert_eq!(world.answers(2).await, ["\"01\"", "\"02\""]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn runs_of_ticks_may_overlap() {
    let world = World::start(&waiting("allow")).await;
    let mut observed = world.runner.observe();
    let mut scheduler = world.scheduler("01T00:00:00").await;
    scheduler.tick(at("01T01:00:00")).await;
    scheduler.tick(at("01T02:00:00")).await;
    let mut began = 0;
    while began < 2 {
        let seen = tokio::time::timeout(DEADLINE, observed.recv()).await.unwrap().unwrap();
        began += usize::from(matches!(seen, Observed::Began { .. }));
    }
    assert_eq!(world.runner.active(), 2);
    world.runner.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn nobody_waits_for_a_run_that_failed_so_it_is_parked_and_the_next_tick_comes() {
    let pathway = r#"
pathway: p
on: { schedule: { cron: "@hourly" } }
steps: { no: { fail: { message: no, class: invalid } } }
"#;
    let world = World::start(pathway).await;
    let mut scheduler = world.scheduler("01T00:00:00").await;
    scheduler.tick(at("01T01:00:00")).await;
    world.until(Status::Parked, 1).await;
    scheduler.tick(at("01T02:00:00")).await;
    world.until(Status::Parked, 2).await;
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_tick_is_published_when_the_bus_is_back() {
    let world = World::start(DAILY).await;
    let mut scheduler = world.scheduler("01T12:00:00").await;
    world.bus.away.store(true, Ordering::SeqCst);
    let wait = scheduler.tick(at("01T21:30:00")).await;
    assert!(!wait.is_zero() && wait < Duration::from_secs(30), "{wait:?}");
    world.bus.away.store(false, Ordering::SeqCst);
    scheduler.tick(at("01T21:30:05")).await;
    assert_eq!(world.answers(1).await.len(), 1);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_record_of_a_tick_names_it() {
    let world = World::start(DAILY).await;
    let mut scheduler = world.scheduler("01T12:00:00").await;
    scheduler.tick(at("01T21:30:00")).await;
    let records = world.store.records("pathway.p", 0, 0, 10, usize::MAX).await.unwrap();
    let header = |name: &str| {
        let (_, value) = records[0].headers.iter().find(|(known, _)| known == name).unwrap();
        String::from_utf8(value.clone()).unwrap()
    };
    assert_eq!(header("pathway-tick"), "2024-05-02T03:00:00+05:30");
    assert_eq!(header("message-id"), "pathway-tick/p/0 3 * * * Asia/Kolkata/2024-05-01T21:30:00Z");
    let run = &world.until(Status::Succeeded, 1).await[0];
    assert_eq!(header("pathway-run"), run.public_id);
    assert_eq!(run.correlation, run.public_id);
    world.runner.stop(DEADLINE).await;
}

/// The clock of the runtime, which stands still while anything is to be done.
#[tokio::test(start_paused = true)]
async fn ticks_come_as_time_passes() {
    let world = World::start(DAILY).await;
    let (began, start) = (tokio::time::Instant::now(), at("01T12:00:00"));
    let now = move || start + began.elapsed();
    let stop = CancellationToken::new();
    let scheduler = world.scheduler("01T12:00:00").await;
    let running = tokio::spawn(scheduler.run(now, stop.clone()));
    let mut topic = world.store.watch_topic("pathway.p");
    while world.ticks().await.len() < 3 {
        topic.changed().await.unwrap();
    }
    stop.cancel();
    running.await.unwrap();
    let ticks = world.ticks().await;
    assert_eq!(ticks[..2], ["2024-05-02T03:00:00+05:30", "2024-05-03T03:00:00+05:30"]);
    assert!(now() >= at("03T21:30:00"), "not before their time");
}

#[tokio::test]
async fn a_server_looks_after_its_schedules() {
    let pathway = "pathway: p\non: { schedule: { cron: '* * * * * *' } }\nreturn: 1\n";
    let folder = tempfile::tempdir().unwrap();
    let app = App::start(Settings {
        role: Role::Serve,
        project: Project::default(),
        program: compiled(pathway),
        definition: Definition::default(),
        variables: Variables::new(),
        folder: folder.path().to_owned(),
        listener: Some(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()),
        request: Request::default(),
        folders: BTreeSet::new(),
        mocked: None,
        mocks: None,
    })
    .await
    .unwrap();
    let mut observed = app.runner.observe();
    let ended = async { while !matches!(observed.recv().await.unwrap(), Observed::Ended { .. }) {} };
    tokio::time::timeout(DEADLINE, ended).await.unwrap();
    app.stop().await;
}
