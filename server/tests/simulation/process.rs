//! A process: a runner with its ways to the outside, that is started again whenever it ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathway_engine::expression::Variables;
use pathway_server::bus::{Bus, EmbeddedBus};
use pathway_server::gateway::{self, Doors, Gateway, Limits};
use pathway_server::identity::{AdminToken, Identity};
use pathway_server::ids::Ids;
use pathway_server::runner::{Compacting, Parts, Runner};
use pathway_server::schedule::Scheduler;
use pathway_server::seal::SealKeys;
use pathway_server::store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bus::{self, Broker};
use super::happening::Operation;
use super::life::Life;
use super::mutation::Mutation;
use super::network::Network;
use super::store::{Database, Handle};
use super::swarm::Setting;
use super::workload::{Compiled, compiled};
use super::world::{World, lock};

/// How long one that is stopped in order may take.
const GRACE: Duration = Duration::from_secs(5);
/// Before one that has ended is started again, at most.
const RESTART: Duration = Duration::from_secs(8);

/// What all processes share.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) world: Arc<World>,
    pub(crate) database: Arc<Database>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) keys: SealKeys,
}

fn ids(world: &Arc<World>) -> Ids {
    let world = world.clone();
    Ids::new(move || {
        let (one, other) = world.draw("ids", |random| (random.next(), random.next()));
        Uuid::from_u64_pair(one, other)
    })
}

/// A process that lives.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) life: Arc<Life>,
    pub(crate) runner: Runner,
    pub(crate) store: Arc<dyn Store>,
    /// Where callers are let in.
    pub(crate) doors: Doors,
    /// Stops it in order.
    pub(crate) stop: CancellationToken,
}

/// A place for a process.
#[derive(Debug)]
pub(crate) struct Process {
    outside: Outside,
    name: String,
    running: Mutex<Option<Running>>,
}

impl Process {
    pub(crate) fn new(outside: Outside, name: String) -> Arc<Self> {
        Arc::new(Self { outside, name, running: Mutex::new(None) })
    }

    /// The process, while it lives.
    pub(crate) fn running(&self) -> Option<Running> {
        lock(&self.running).clone().filter(|running| !running.life.is_over())
    }

    /// Keeps one running.
    pub(crate) async fn keep_running(self: Arc<Self>) {
        let world = self.outside.world.clone();
        let (mut number, mut version) = (0, 0);
        loop {
            number += 1;
            let life = Arc::new(Life::new(world.clone(), format!("{}.{number}", self.name)));
            world.note(&life.name, "starts");
            if let Some(running) = self.start(&life, version).await {
                *lock(&self.running) = Some(running.clone());
                self.live(running).await;
                *lock(&self.running) = None;
            }
            life.end();
            self.outside.database.crashed();
            let memory = self.outside.database.memory();
            world.expect(|promises| promises.survived(&memory));
            tokio::time::sleep(world.while_("restarts", RESTART)).await;
            world.did(Operation::Restart);
            if world.swarm.changes && world.draw("restarts", |random| random.happens(5_000)) {
                version += 1;
                world.did(Operation::Deploy);
                world.note(&self.name, format!("has version {version} now"));
            }
        }
    }

    async fn start(&self, life: &Arc<Life>, version: usize) -> Option<Running> {
        let Outside { database, broker, keys, .. } = &self.outside;
        let store: Arc<dyn Store> = Arc::new(Handle::open(database, life));
        let bus: Arc<dyn Bus> = match life.world.swarm.setting {
            Setting::Embedded => Arc::new(EmbeddedBus::new(store.clone())),
            Setting::Alone | Setting::Shared => Arc::new(bus::Handle::new(broker, life, store.clone())),
        };
        let compiled = compiled(version);
        let mut project = compiled.project.clone();
        if life.world.is_mutated(Mutation::NoCircuits) {
            Arc::make_mut(&mut project).services.values_mut().for_each(|service| service.circuit = None);
        }
        let parts = Parts {
            program: compiled.program.clone(),
            project,
            store: store.clone(),
            bus: bus.clone(),
            keys: keys.clone(),
            vouch: None,
            definition: compiled.definition.clone(),
            variables: Variables::new(),
            mocks: None,
            transport: Arc::new(Network::new(life.clone())),
            clock: life.world.clock(&life.name),
            ids: ids(&life.world),
            traces: None,
            compacting: match life.world.swarm.compacts {
                true => Compacting { events: 3, percent: 1_000_000 },
                false => Compacting::default(),
            },
        };
        match Runner::start(parts).await {
            Ok(runner) => {
                runner.consume();
                let doors = self.open_doors(life, compiled, (&runner, &store, &bus));
                if life.world.swarm.has_schedules {
                    self.keep_schedules(life, compiled, &store, bus).await?;
                }
                let stop = CancellationToken::new();
                Some(Running { life: life.clone(), runner, store, doors, stop })
            }
            Err(error) => {
                life.world.note(&life.name, format!("does not start: {error}"));
                None
            }
        }
    }

    /// Here all processes have doors.
    fn open_doors(
        &self,
        life: &Arc<Life>,
        compiled: &Compiled,
        (runner, store, bus): (&Runner, &Arc<dyn Store>, &Arc<dyn Bus>),
    ) -> Doors {
        let clock = life.world.clock(&life.name);
        let runner = Arc::new(runner.clone());
        Doors::new(Gateway::new(gateway::Parts {
            project: compiled.project.clone(),
            program: Arc::new(compiled.program.clone()),
            store: store.clone(),
            bus: bus.clone(),
            commands: runner.clone(),
            capacity: runner,
            identity: Arc::new(Identity::with_clock(None, clock.clone()).unwrap()),
            admin: AdminToken::new("the-token-of-a-simulation").unwrap(),
            keys: self.outside.keys.clone(),
            clock,
            ids: ids(&life.world),
            ready: watch::channel(Ok(())).1,
            stop: CancellationToken::new(),
            limits: Limits::default(),
            traces: None,
        }))
    }

    /// Looks after schedules, as long as the process lives. Here all processes do.
    async fn keep_schedules(
        &self,
        life: &Arc<Life>,
        compiled: &Compiled,
        store: &Arc<dyn Store>,
        bus: Arc<dyn Bus>,
    ) -> Option<()> {
        let clock = life.world.clock(&life.name);
        let (program, project) = (&compiled.program, compiled.project.clone());
        let scheduler = Scheduler::load(program, project, store.clone(), bus, clock.now()).await.ok()?;
        let life = life.clone();
        tokio::spawn(async move {
            let schedules = scheduler.run(move || clock.now(), CancellationToken::new());
            drop(life.until(schedules).await);
        });
        Some(())
    }

    /// Ready when it has ended.
    async fn live(&self, running: Running) {
        let Running { life, runner, stop, .. } = &running;
        let world = &life.world;
        let failed = tokio::select! {
            biased;
            () = life.over() => None,
            () = stop.cancelled() => Some("it is told to".to_owned()),
            why = runner.failed() => Some(why),
        };
        if let Some(why) = failed {
            world.note(&life.name, format!("stops: {why}"));
            tokio::select! {
                biased;
                () = life.over() => {}
                () = runner.stop(GRACE) => {}
            }
            life.end();
        }
        // Whatever its tasks do from here on, nobody sees.
        runner.stop(Duration::ZERO).await;
    }
}
