//! What a runner works by: pathways and project as they were read together, until others are.
//!
//! Whoever needs more than one thing of it takes it once and keeps it for as long as they look, so
//! that nobody sees half of one and half of another.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::{Plan, Program};
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use tokio::sync::watch;

use super::outgoing::Outgoing;
use super::{Admitted, Inner};

/// Pathways and project, as they were read together.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The pathways.
    pub program: Program,
    /// Services, topics and limits.
    pub project: Arc<Project>,
    /// What `${NAME}` stands for, for runs that began with an earlier definition.
    pub variables: Variables,
}

/// What holds now.
#[derive(Debug)]
pub(super) struct Current {
    /// What was read.
    pub(super) loaded: Loaded,
    /// Plans of before, by which doors of this process have taken requests that may not be runs yet;
    /// the latest last.
    leaving: Vec<Arc<Plan>>,
    /// The last plans of pathways that are no more: runs that began with an earlier definition may
    /// call them.
    gone: HashMap<Arc<str>, Arc<Plan>>,
}

impl Current {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self { loaded, leaving: Vec::new(), gone: HashMap::new() }
    }

    /// What holds after this: `loaded`.
    pub(super) fn followed_by(&self, loaded: Loaded) -> Self {
        let (mut leaving, mut gone) = (self.leaving.clone(), self.gone.clone());
        for (name, plan) in &self.loaded.program.pathways {
            let next = loaded.program.pathways.get(name);
            if next.is_none_or(|next| next.digest != plan.digest) {
                leaving.push(plan.clone());
            }
            gone.insert(name.clone(), plan.clone());
        }
        gone.retain(|name, _| !loaded.program.pathways.contains_key(name));
        Self { loaded, leaving, gone }
    }

    /// The same without what no door takes requests by any more.
    fn without(&self, left: &[Arc<Plan>]) -> Self {
        let is_left = |plan: &Arc<Plan>| left.iter().any(|left| Arc::ptr_eq(left, plan));
        let leaving = self.leaving.iter().filter(|plan| !is_left(plan)).cloned().collect();
        Self { loaded: self.loaded.clone(), leaving, gone: self.gone.clone() }
    }

    /// A pathway by its name.
    pub(super) fn plan(&self, pathway: &str) -> Option<&Arc<Plan>> {
        self.loaded.program.pathways.get(pathway)
    }

    /// A pathway that is called by its name, if need be as it was last.
    pub(super) fn called(&self, pathway: &str) -> Option<&Arc<Plan>> {
        self.plan(pathway).or_else(|| self.gone.get(pathway))
    }

    /// The topics that pathways listen to, by their real names.
    pub(super) fn topics(&self) -> Vec<String> {
        let real = |plan: &Arc<Plan>| self.loaded.project.topics.real(&plan.topic()).to_owned();
        let mut topics: Vec<_> = self.loaded.program.pathways.values().map(real).collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// The pathways that listen to a topic, by its real name, and those that did while doors took
    /// requests for them which may not be runs yet.
    pub(super) fn plans_of(&self, topic: &str) -> Vec<Arc<Plan>> {
        let topic = self.loaded.project.topics.logical(topic);
        let listens = |plan: &&Arc<Plan>| *plan.topic() == *topic;
        let mut plans: Vec<_> = self.loaded.program.pathways.values().filter(listens).cloned().collect();
        for plan in self.leaving.iter().rev().filter(listens) {
            if plans.iter().all(|known| known.name != plan.name) {
                plans.push(plan.clone());
            }
        }
        plans
    }

    /// The plan of `plan`'s pathway by which a door took a request, if that is another.
    pub(super) fn taken_by<'a>(&'a self, plan: &'a Arc<Plan>, digest: Option<&str>) -> &'a Arc<Plan> {
        let Some(digest) = digest.filter(|digest| *digest != &*plan.digest) else { return plan };
        let is_meant = |known: &&Arc<Plan>| known.name == plan.name && *known.digest == *digest;
        self.leaving.iter().rev().find(is_meant).unwrap_or(plan)
    }
}

impl Inner {
    /// What holds now.
    pub(super) fn current(&self) -> Arc<Current> {
        self.current.borrow().clone()
    }

    /// A run, as a sender of records.
    pub(super) fn outgoing<'a>(&self, current: &'a Current, run: &'a Admitted) -> Outgoing<'a> {
        Outgoing { project: &current.loaded.project, run, now: self.clock.now() }
    }

    /// Forgets plans by which no door has a request any more.
    pub(super) fn let_plans_go(&self, left: &[Arc<Plan>]) {
        self.current.send_modify(|current| *current = Arc::new(current.without(left)));
    }
}

/// The pathways that listen to a topic, as they come and go.
pub(super) struct Listeners {
    topic: String,
    current: watch::Receiver<Arc<Current>>,
}

impl Listeners {
    pub(super) fn new(inner: &Inner, topic: &str) -> Self {
        Self { topic: topic.to_owned(), current: inner.current.subscribe() }
    }

    /// Those of now.
    pub(super) fn now(&mut self) -> Vec<Arc<Plan>> {
        self.current.borrow_and_update().plans_of(&self.topic)
    }

    /// Ready when they may be others.
    pub(super) async fn changed(&mut self) {
        if self.current.changed().await.is_err() {
            // The runner is gone.
            std::future::pending::<()>().await;
        }
    }
}
