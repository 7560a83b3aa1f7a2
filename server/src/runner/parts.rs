//! What a runner is made of.

use std::sync::Arc;

use pathway_engine::compile::Program;
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;

use super::{Compacting, Mocks, Vouch};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::definition::Definition;
use crate::effects::http::Transport;
use crate::ids::Ids;
use crate::seal::SealKeys;
use crate::store::Store;
use crate::telemetry::traces::Traces;

/// What a runner is made of.
#[derive(Debug)]
pub struct Parts {
    /// The pathways.
    pub program: Program,
    /// Services, topics and limits.
    pub project: Arc<Project>,
    /// Where runs are kept.
    pub store: Arc<dyn Store>,
    /// Where records come from and go to.
    pub bus: Arc<dyn Bus>,
    /// What seals and opens who asked.
    pub keys: SealKeys,
    /// Verifies the tokens that records carry; none: every such record is denied.
    pub vouch: Option<Arc<dyn Vouch>>,
    /// What runs are pinned to.
    pub definition: Definition,
    /// What `${NAME}` stands for, for runs that began with an earlier definition.
    pub variables: Variables,
    /// Answers to give instead of performing effects.
    pub mocks: Option<Arc<Mocks>>,
    /// Calls services.
    pub transport: Arc<dyn Transport>,
    /// Tells the time.
    pub clock: Clock,
    /// Gives out the ids of runs that are asked for here.
    pub ids: Ids,
    /// Told of runs that have ended, where spans are sent.
    pub traces: Option<Traces>,
    /// When journals are compacted.
    pub compacting: Compacting,
}
