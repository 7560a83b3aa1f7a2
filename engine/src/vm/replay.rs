//! A run's state from its journal.

use std::sync::Arc;

use super::{Applied, Vm};
use crate::compile::Plan;
use crate::journal::{Event, Kind};

/// A recorded event that the plan does not explain: the run must not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The run asks for something else than it did.
    #[error("`{instance}` now asks for something else than what was recorded")]
    Request {
        /// Which execution of which step.
        instance: String,
    },
    /// The run does not wait for what came.
    #[error("event {index} ({name}) means nothing to the run")]
    Unexpected {
        /// Its place in the journal.
        index: usize,
        /// Its kind.
        name: &'static str,
    },
    /// The run was begun by an engine of other semantics.
    #[error("the run was begun under semantics {found}, and this engine has {own}")]
    Semantics {
        /// Of the run.
        found: u32,
        /// Of this engine.
        own: u32,
    },
}

impl Vm {
    /// The state that `events` lead to; effects are not asked for again, see [`Vm::in_flight`].
    ///
    /// # Errors
    /// An event that the plan does not explain.
    pub fn replay(plan: Arc<Plan>, events: &[Event]) -> Result<Self, Mismatch> {
        let mut vm = Self::new(plan);
        let mut effects = Vec::new();
        for (index, event) in events.iter().enumerate() {
            match &event.kind {
                Kind::Started(started) if started.semantics != crate::journal::SEMANTICS => {
                    let own = crate::journal::SEMANTICS;
                    return Err(Mismatch::Semantics { found: started.semantics, own });
                }
                Kind::Performed(performed) => {
                    let effect = vm.pending(&performed.instance);
                    if effect.is_some_and(|effect| effect.hash() != Some(performed.request)) {
                        return Err(Mismatch::Request { instance: performed.instance.to_string() });
                    }
                }
                _ => {}
            }
            if vm.apply(event, &mut effects) == Applied::Ignored {
                return Err(Mismatch::Unexpected { index, name: event.name() });
            }
            effects.clear();
        }
        Ok(vm)
    }
}
