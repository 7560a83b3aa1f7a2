//! Schedules, as they are loaded, and as they are loaded again.
//!
//! Where several processes could look after them, whoever works on the first partition of a
//! pathway's topic does. A tick that two publish, because one of them does not know yet that it is
//! no longer the one, is one run: both give it the same id.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathway_engine::compile::Program;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::runner::{Loaded, Runner};
use crate::schedule::Scheduler;
use crate::store::{Store, StoreError};

/// What schedules need.
#[derive(Debug, Clone)]
pub(super) struct Schedules {
    pub(super) loaded: watch::Receiver<Loaded>,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Clock,
}

impl Schedules {
    /// All of them, each where it stood.
    pub(super) async fn load_all(&mut self) -> Result<Scheduler, StoreError> {
        let loaded = self.loaded.borrow_and_update().clone();
        self.load(&loaded, &loaded.program).await
    }

    /// Looks after all of them, and after others once these are loaded, until `stop`.
    pub(super) async fn run(mut self, mut scheduler: Scheduler, stop: CancellationToken) {
        loop {
            let end = stop.child_token();
            let clock = self.clock.clone();
            let running = scheduler.run(move || clock.now(), end.clone());
            let changed = async {
                self.changed(&stop).await;
                end.cancel();
            };
            let (before, ()) = tokio::join!(running, changed);
            if stop.is_cancelled() {
                return;
            }
            scheduler = match self.load_all().await {
                Ok(loaded) => loaded.after(before),
                Err(error) => {
                    tracing::error!(%error, "schedules are as they were before the project was loaded again");
                    before
                }
            };
        }
    }

    /// Looks after those whose partition is `runner`'s, until `stop`.
    pub(super) async fn follow(mut self, runner: Runner, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let loaded = self.loaded.borrow_and_update().clone();
            let end = stop.child_token();
            let following = self.clone().follow_these(loaded, runner.clone(), end.clone());
            let changed = async {
                self.changed(&stop).await;
                end.cancel();
            };
            tokio::join!(following, changed);
        }
    }

    /// Ready when others are loaded, or at `stop`.
    async fn changed(&mut self, stop: &CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            changed = self.loaded.changed() => if changed.is_err() {
                // Nobody will load any.
                stop.cancelled().await;
            },
        }
    }

    async fn follow_these(self, loaded: Loaded, runner: Runner, stop: CancellationToken) {
        let mut running: BTreeMap<String, DropGuard> = BTreeMap::new();
        loop {
            let homes = runner.homes();
            let ours = |topic: &str| homes.iter().any(|home| home.partition == 0 && home.topic == topic);
            running.retain(|topic, _| ours(topic));
            for (topic, program) in by_topic(&loaded) {
                if !ours(&topic) || running.contains_key(&topic) {
                    continue;
                }
                let end = stop.child_token();
                let (schedules, loaded, until) = (self.clone(), loaded.clone(), end.clone());
                running.insert(topic.clone(), end.drop_guard());
                tokio::spawn(async move {
                    let clock = schedules.clock.clone();
                    match schedules.load(&loaded, &program).await {
                        Ok(scheduler) => drop(scheduler.run(move || clock.now(), until).await),
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

    async fn load(&self, loaded: &Loaded, program: &Program) -> Result<Scheduler, StoreError> {
        let (store, bus) = (self.store.clone(), self.bus.clone());
        Scheduler::load(program, loaded.project.clone(), store, bus, self.clock.now()).await
    }
}

/// The pathways with schedules, by the real names of their topics.
fn by_topic(loaded: &Loaded) -> BTreeMap<String, Program> {
    let mut by_topic: BTreeMap<String, Program> = BTreeMap::new();
    for (name, plan) in &loaded.program.pathways {
        if !plan.door.schedules.is_empty() {
            let topic = loaded.project.topics.real(&plan.topic()).to_owned();
            by_topic.entry(topic).or_default().pathways.insert(name.clone(), plan.clone());
        }
    }
    by_topic
}
