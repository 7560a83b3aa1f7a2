//! A world from its beginning to its end: a while in which things go wrong, and then one in which
//! nothing does, and in which all that was begun must come to an end.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::compile::Plan;
use pathway_server::bus::NewRecord;
use pathway_server::seal::SealKey;
use pathway_server::store::{Filter, Outlet, Status, Store};
use tokio::time::sleep;

use super::bus::Broker;
use super::happening::{Coverage, Fault, Operation};
use super::process::{Outside, Process};
use super::promises::Broken;
use super::store::Database;
use super::swarm::Swarm;
use super::workload::compiled;
use super::world::World;

/// For how long things go wrong, at most.
const ROUGH: Duration = Duration::from_secs(60);
/// Within what everything must have come to its end after that.
const CALM: Duration = Duration::from_secs(600);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(500);

/// How a seed was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) seed: u64,
    pub(crate) swarm: Swarm,
    pub(crate) hash: u64,
    pub(crate) coverage: Coverage,
    pub(crate) broken: Option<Broken>,
    /// What led to it.
    pub(crate) lines: String,
}

/// Plays a seed.
pub(crate) fn play(seed: u64, aloud: bool) -> Played {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let world = runtime.block_on(async {
        let world = Arc::new(World::new(seed, Swarm::of(seed), aloud));
        tokio::select! {
            biased;
            () = world.is_over() => {}
            () = live(&world) => {}
        }
        world
    });
    let broken = world.broken();
    let about = broken.as_ref().map(|broken| broken.about.clone()).unwrap_or_default();
    let trace = world.trace();
    let (hash, lines) = (trace.hash(), trace.concerning(&about));
    drop(trace);
    Played { seed, swarm: world.swarm.clone(), hash, coverage: world.coverage(), broken, lines }
}

async fn live(world: &Arc<World>) {
    let outside = Outside {
        world: world.clone(),
        database: Arc::new(Database::new(world.clone(), Outlet::Outbox)),
        broker: Broker::new(world.clone()),
        keys: SealKey::generate().unwrap().into(),
    };
    let compiled = compiled();
    let plans: Vec<&Arc<Plan>> = compiled.program.pathways.values().collect();
    for plan in &plans {
        let topic = compiled.project.topics.real(&plan.topic()).to_owned();
        outside.broker.make(&topic);
        let mut promises = world.promises();
        *promises.facts.listeners.entry(topic).or_default() += 1;
        if plan.door.park_holds {
            promises.facts.holds.insert(plan.name.to_string());
        }
    }
    let process = Process::new(outside.clone(), "a".to_owned());
    tokio::spawn(process.clone().keep_running());
    let rough = async {
        tokio::join!(publish(&outside), crash(&process, world));
    };
    rough.await;
    world.calm_down();
    let calm = tokio::time::timeout(CALM, until_at_rest(&outside)).await;
    if calm.is_err() {
        let runs = unfinished(&outside.database).await;
        world.breaks(Broken {
            promise: "everything comes to an end",
            why: format!("{} runs are not over: {runs:?}", runs.len()),
            about: runs,
        });
    }
    check_runs(&outside).await;
}

async fn publish(outside: &Outside) {
    let world = &outside.world;
    for n in 0..world.swarm.records {
        sleep(world.draw("records", |random| Duration::from_millis(random.range(0..3_000)))).await;
        let customer = world.draw("records", |random| random.below(world.swarm.keys));
        let what = if world.draw("records", |random| random.happens(500)) { "poison" } else { "" };
        let value = format!(r#"{{"id": "o{n}", "customer": "c{customer}", "what": "{what}"}}"#);
        let record = NewRecord {
            topic: "orders".to_owned(),
            key: Some(format!("c{customer}").into_bytes()),
            value: Some(value.into_bytes()),
            headers: Vec::new(),
            time: world.now().as_millisecond(),
        };
        outside.broker.take("out", record.clone());
        world.did(Operation::Publish);
        if world.strikes(Fault::SentTwice, "out") {
            outside.broker.take("out", record);
        }
    }
}

async fn crash(process: &Process, world: &Arc<World>) {
    while world.age() < ROUGH {
        sleep(world.draw("crashes", |random| Duration::from_millis(random.range(500..8_000)))).await;
        if let Some(running) = process.running()
            && world.strikes(Fault::Crash, &running.life.name)
        {
            running.life.end();
        }
    }
}

async fn until_at_rest(outside: &Outside) {
    loop {
        sleep(LOOK).await;
        let lag = {
            let topics = outside.broker.topics();
            let promises = outside.world.promises();
            topics.all().any(|(topic, partition, log)| {
                let next = promises.facts.next.get(&(topic.to_owned(), partition)).copied().unwrap_or(0);
                promises.facts.listeners.contains_key(topic) && log.records.range(next..).next().is_some()
            })
        };
        let outbox = outside.database.memory().outbox(0, 1, usize::MAX).await.unwrap();
        if !lag && outbox.is_empty() && unfinished(&outside.database).await.is_empty() {
            return;
        }
    }
}

async fn unfinished(database: &Database) -> Vec<String> {
    let filter = Filter { status: Some(Status::Ready), pathway: None, before: None, limit: 1_000 };
    let runs = database.memory().runs(filter).await.unwrap();
    runs.into_iter().map(|run| run.public_id).collect()
}

async fn check_runs(outside: &Outside) {
    let store = outside.database.memory();
    let filter = Filter { status: None, pathway: None, before: None, limit: 10_000 };
    for run in store.runs(filter).await.unwrap() {
        let events = store.events(run.id).await.unwrap().len();
        outside.world.expect(|promises| promises.found(&run, events));
    }
}
