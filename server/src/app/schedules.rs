//! Schedules, where several processes could look after them: whoever works on the first partition
//! of a pathway's topic does. A tick that two publish, because one of them does not know yet that it
//! is no longer the one, is one run: both give it the same id.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathway_engine::compile::Program;
use pathway_engine::project::Project;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::runner::Runner;
use crate::schedule::Scheduler;
use crate::store::{Store, StoreError};

/// What schedules need.
#[derive(Debug, Clone)]
pub(super) struct Schedules {
    pub(super) program: Program,
    pub(super) project: Arc<Project>,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Clock,
}

/// Schedules that can be looked after.
#[derive(Debug)]
pub(super) struct Loaded {
    scheduler: Scheduler,
    clock: Clock,
}

impl Loaded {
    /// Does so, until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let clock = self.clock;
        self.scheduler.run(move || clock.now(), stop).await;
    }
}

impl Schedules {
    /// All of them, each where it stood.
    pub(super) async fn load_all(self) -> Result<Loaded, StoreError> {
        self.load(&self.program).await
    }

    /// Looks after those whose partition is `runner`'s, until `stop`.
    pub(super) async fn follow(self, runner: Runner, stop: CancellationToken) {
        let mut running: BTreeMap<String, DropGuard> = BTreeMap::new();
        loop {
            let homes = runner.homes();
            let ours = |topic: &str| homes.iter().any(|home| home.partition == 0 && home.topic == topic);
            running.retain(|topic, _| ours(topic));
            for (topic, program) in self.by_topic() {
                if !ours(&topic) || running.contains_key(&topic) {
                    continue;
                }
                let end = stop.child_token();
                let (schedules, until) = (self.clone(), end.clone());
                running.insert(topic.clone(), end.drop_guard());
                tokio::spawn(async move {
                    match schedules.load(&program).await {
                        Ok(loaded) => loaded.run(until).await,
                        Err(error) => tracing::error!(topic, %error, "its schedules are not looked after"),
                    }
                });
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = runner.homes_changed(&homes) => {}
            }
        }
    }

    async fn load(&self, program: &Program) -> Result<Loaded, StoreError> {
        let (project, store, bus) = (self.project.clone(), self.store.clone(), self.bus.clone());
        let scheduler = Scheduler::load(program, project, store, bus, self.clock.now()).await?;
        Ok(Loaded { scheduler, clock: self.clock.clone() })
    }

    /// The pathways with schedules, by the real names of their topics.
    fn by_topic(&self) -> BTreeMap<String, Program> {
        let mut by_topic: BTreeMap<String, Program> = BTreeMap::new();
        for (name, plan) in &self.program.pathways {
            if !plan.door.schedules.is_empty() {
                let topic = self.project.topics.real(&plan.topic()).to_owned();
                by_topic.entry(topic).or_default().pathways.insert(name.clone(), plan.clone());
            }
        }
        by_topic
    }
}
