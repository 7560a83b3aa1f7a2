//! Working by other definitions than before, while work goes on.
//!
//! What has begun goes on with what it began with; what begins from now on begins with what is
//! there now. All that may fail is done before anything is changed.

use std::collections::HashMap;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::limits::Limit;

use super::current::{Current, Loaded};
use super::slots::Slots;
use super::{Inner, Runner};
use crate::bus::{Truth, Work};
use crate::definition::Definition;
use crate::store::StoreError;

/// Why a runner goes on as before.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// A pathway needs what only a new process has.
    #[error("{0}")]
    Refused(String),
    /// The definition could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Plans by which doors took requests before others were loaded.
#[derive(Debug)]
#[must_use = "they are kept until they are let go"]
pub struct Leaving(Vec<Arc<Plan>>);

impl Runner {
    /// Works by `loaded` from now on, or, where that cannot be, as before. The plans of before are kept
    /// for requests that doors took by them, until they are [let go](Runner::let_go).
    ///
    /// # Errors
    /// The definition cannot be kept, or a pathway needs a new process.
    pub async fn swap(&self, loaded: Loaded, definition: &Definition) -> Result<Leaving, SwapError> {
        let inner = &self.inner;
        let mut working = inner.working.lock().await;
        let next = inner.current().followed_by(loaded);
        let work = match &*working {
            Some(known) => inner.new_work(known, &next)?,
            None => Vec::new(),
        };
        inner.define(&next.loaded.program, definition).await?;
        let consumer = match work.is_empty() {
            true => None,
            false => {
                let begun = inner.bus.consume(work.clone()).await;
                Some(begun.map_err(|error| SwapError::Refused(error.to_string()))?)
            }
        };
        if let Some(known) = &mut *working {
            known.extend(work.into_iter().map(|work| (work.topic, work.truth)));
        }
        configure(&inner.slots, &next.loaded);
        inner.upstreams.swap(&next.loaded.project);
        inner.queue.swap(&next.loaded.program);
        inner.metrics.runs.swap(&next.loaded.program);
        let leaving = inner.leaving_with(&next);
        for plan in &leaving {
            inner.earlier.keep(&plan.name, &plan.digest, plan);
        }
        inner.current.send_replace(Arc::new(next));
        if let Some(consumer) = consumer {
            inner.tasks.spawn(inner.clone().work_with(consumer));
        }
        Ok(Leaving(leaving))
    }

    /// No door has a request any more that it took by these.
    pub fn let_go(&self, leaving: &Leaving) {
        if !leaving.0.is_empty() {
            self.inner.let_plans_go(&leaving.0);
        }
    }
}

impl Inner {
    /// The topics that are worked on after this, and were not before.
    fn new_work(&self, known: &HashMap<String, Truth>, next: &Current) -> Result<Vec<Work>, SwapError> {
        let now = self.current();
        let topics = |current: &Current, plan: &Plan| {
            let topic = plan.topic().to_string();
            let real = current.loaded.project.topics.real(&topic).to_owned();
            (topic, real)
        };
        let before: HashMap<String, String> =
            now.loaded.program.pathways.values().map(|plan| topics(&now, plan)).collect();
        let mut work = Vec::new();
        for plan in next.loaded.program.pathways.values() {
            let (topic, real) = topics(next, plan);
            let refused = |why: &str| {
                let name = &plan.name;
                Err(SwapError::Refused(format!("pathway `{name}` needs a restart: {why}")))
            };
            if before.get(&topic).is_some_and(|before| *before != real) {
                return refused(&format!("its topic `{topic}` has another name on the bus than before"));
            }
            let truth = truth(&next.plans_of(&real));
            match known.get(&real) {
                Some(known) if *known != truth => {
                    return refused(&format!("`durability` of the topic `{topic}` is another than before"));
                }
                Some(_) => {}
                None if !self.bus.takes_more_work() => {
                    return refused(&format!("this process does not work on the topic `{topic}` yet"));
                }
                None if work.iter().any(|work: &Work| work.topic == real) => {}
                None => work.push(Work { topic: real, truth }),
            }
        }
        Ok(work)
    }

    /// The plans of now that are not those of then.
    fn leaving_with(&self, next: &Current) -> Vec<Arc<Plan>> {
        let now = self.current();
        let is_other = |plan: &&Arc<Plan>| next.plan(&plan.name).is_none_or(|n| n.digest != plan.digest);
        now.loaded.program.pathways.values().filter(is_other).cloned().collect()
    }
}

/// All pathways of a topic have a journal, or none has.
pub(super) fn truth(plans: &[Arc<Plan>]) -> Truth {
    if plans.iter().all(|plan| plan.has_journal()) { Truth::Store } else { Truth::Bus }
}

/// Gives the server and its pathways the slots that the project says.
pub(super) fn configure(slots: &Slots, loaded: &Loaded) {
    slots.set_capacity(&Limit::Server, Some(loaded.project.max_runs as usize));
    slots.set_capacity(&Limit::ServerSteps, Some(loaded.project.max_parallel as usize));
    for plan in loaded.program.pathways.values() {
        slots.set_capacity(&Limit::Pathway(plan.name.clone()), plan.max_runs.total.map(|n| n as usize));
        let keys = Limit::Keys(plan.name.clone());
        match &plan.max_runs.per {
            Some(per) => slots.set_capacity(&keys, Some(per.slots as usize)),
            None => slots.lift(&keys),
        }
    }
}
