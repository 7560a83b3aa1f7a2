//! A run's journal as the store has it, for whoever reads it elsewhere.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::expression::Variables;
use pathway_engine::journal;
use pathway_engine::project::Project;
use serde::{Deserialize, Serialize};

use super::{Error, Summary, find};
use crate::definition::Definition;
use crate::runner;
use crate::seal::SealKeys;
use crate::store::{self, Status, Store};

/// A run's journal, and the definition that it is pinned to. Secrets in it are sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// The run.
    #[serde(flatten)]
    pub run: Summary,
    /// What names its definition.
    pub digest: String,
    /// Its definition; none: it is not kept any more.
    pub definition: Option<Definition>,
    /// Its events, in order.
    pub events: Vec<Entry>,
}

/// An event of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place.
    pub seq: u32,
    /// Its kind.
    pub kind: String,
    /// JSON as it is stored, so that it is read as it was written.
    pub payload: String,
}

impl Journal {
    /// That of the run with this public id.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn of(store: &dyn Store, id: &str) -> Result<Self, Error> {
        let run = find(store, id).await?;
        let definition = store.definition(&run.digest).await?;
        let events = store.events(run.id).await?.into_iter().map(|event| Entry {
            seq: event.seq,
            kind: event.kind,
            payload: String::from_utf8_lossy(&event.payload).into_owned(),
        });
        Ok(Self {
            events: events.collect(),
            definition: definition.and_then(|text| serde_json::from_str(&text).ok()),
            run: Summary::of(&run),
            digest: run.digest,
        })
    }

    /// The plan that the run is pinned to; `now` has the secrets.
    ///
    /// # Errors
    /// It cannot be restored.
    pub fn plan(&self, now: &Variables) -> Result<Arc<Plan>, String> {
        let plan = self.definition.as_ref();
        let plan = plan.and_then(|definition| definition.plan(&self.run.pathway, &self.digest, now));
        plan.ok_or_else(|| "what it began with cannot be restored".to_owned())
    }

    /// What happened in it, in full, as a run of `plan`.
    ///
    /// # Errors
    /// An event cannot be read.
    pub fn history(
        &self,
        project: &Project,
        keys: Option<&SealKeys>,
        plan: Arc<Plan>,
    ) -> Result<Vec<journal::Event>, String> {
        let events = self.events.iter().map(|Entry { seq, kind, payload }| store::Event {
            seq: *seq,
            kind: kind.clone(),
            payload: payload.clone().into_bytes(),
        });
        let events: Vec<_> = events.collect();
        let status = Status::from_name(&self.run.status).unwrap_or(Status::Ready);
        runner::history(project, keys, plan, (&self.run.id, status), &events)
    }
}
