//! A world from its beginning to its end: a while in which things go wrong, and then one in which
//! nothing does, and in which all that was begun must come to an end.

use std::sync::Arc;
use std::time::Duration;

use pathway_server::seal::SealKey;
use tokio::time::{sleep, timeout};

use super::bus::Broker;
use super::happening::Coverage;
use super::mutation::Mutation;
use super::process::{Outside, Process};
use super::promises::Broken;
use super::scenario;
use super::store::Database;
use super::swarm::{Setting, Swarm};
use super::workload::{FED, compiled};
use super::world::World;

/// For how long things go wrong.
const ROUGH: Duration = Duration::from_secs(45);
/// Within what everything must have come to its end after that.
const CALM: Duration = Duration::from_secs(600);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_secs(2);

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

/// Plays a seed, with a guard that is gone or with all of them.
pub(crate) fn play(seed: u64, mutation: Option<Mutation>, aloud: bool) -> Played {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let world = runtime.block_on(async {
        let world = Arc::new(World::new(seed, Swarm::of(seed, FED.len()), mutation, aloud));
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
        database: Arc::new(Database::new(world.clone())),
        broker: Broker::new(world.clone()),
        keys: SealKey::generate().unwrap().into(),
    };
    set_up(&outside);
    let name = |n: usize| char::from(b'a' + n as u8).to_string();
    let process = |n| Process::new(outside.clone(), name(n));
    let processes: Vec<_> = (0..world.swarm.processes).map(process).collect();
    for process in &processes {
        tokio::spawn(process.clone().keep_running());
    }
    let troubles = processes.iter().map(|process| scenario::crash(process, &outside.broker, world, ROUGH));
    let ((), callers, (), (), (), _) = tokio::join!(
        scenario::produce(&outside),
        scenario::ask(&outside, &processes),
        scenario::meddle(&outside, &processes),
        scenario::disturb(&outside.broker, world, ROUGH),
        scenario::darken(world, ROUGH),
        futures_util::future::join_all(troubles),
    );
    world.calm_down();
    let calm = async {
        until_at_rest(&outside).await;
        // Some wait for a signal, and then perhaps for another.
        for _ in 0..2 {
            scenario::release(&outside, &processes).await;
            until_at_rest(&outside).await;
        }
        scenario::ask_again(&outside, &processes, &callers).await;
        until_at_rest(&outside).await;
    };
    if timeout(CALM, calm).await.is_err() {
        let why = world.promises().unrest().unwrap_or_else(|| "records are in the outbox".to_owned());
        let about = why.split(' ').next().map(str::to_owned).into_iter().collect();
        world.breaks(Broken { promise: "everything comes to an end", why, about });
    }
    let memory = outside.database.memory();
    world.expect(|promises| promises.ended(&memory));
}

/// Makes the topics, and says what is promised of them.
fn set_up(outside: &Outside) {
    let compiled = compiled(0);
    let world = &outside.world;
    let setting = world.swarm.setting;
    let mut promises = world.promises();
    promises.facts.is_shared = setting == Setting::Shared;
    promises.keep_inside(setting == Setting::Embedded);
    for plan in compiled.program.pathways.values() {
        let topic = compiled.project.topics.real(&plan.topic()).to_owned();
        outside.broker.make(&topic);
        match plan.has_journal() {
            true => *promises.facts.listeners.entry(topic).or_default() += 1,
            false => drop(promises.facts.unkept.insert(topic)),
        }
        if plan.door.park_holds {
            promises.facts.holds.insert(plan.name.to_string());
        }
    }
}

async fn until_at_rest(outside: &Outside) {
    loop {
        sleep(LOOK).await;
        let promises = outside.world.promises();
        if promises.is_all_sent() && promises.unrest().is_none() {
            return;
        }
    }
}
