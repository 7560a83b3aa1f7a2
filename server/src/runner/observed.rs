//! What those hear who observe runs while they are performed.

use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::vm::{Effect, Failure, Trace};

use super::Inner;

/// What observers may lag behind before they miss something.
pub(super) const OBSERVED: usize = 4096;

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub enum Observed {
    /// It began.
    Began {
        /// Public id.
        run: String,
        /// Pathway.
        pathway: Arc<str>,
    },
    /// Something happened to a step.
    Step {
        /// Public id.
        run: String,
        /// What.
        trace: Trace,
    },
    /// A step asks for an effect; mind its secrets.
    Asked {
        /// Public id.
        run: String,
        /// What for.
        effect: Effect,
    },
    /// It emitted a value.
    Emitted {
        /// Public id.
        run: String,
        /// What.
        value: Value,
    },
    /// It published a record.
    Published {
        /// Public id.
        run: String,
        /// Logical topic.
        topic: String,
        /// Record value.
        value: Value,
    },
    /// It is over.
    Ended {
        /// Public id.
        run: String,
        /// How.
        outcome: Result<Value, Failure>,
        /// Whether it can be redriven.
        parked: bool,
    },
}

impl Inner {
    /// Tells whoever observes; what it is, is only made if somebody does.
    pub(super) fn observe(&self, observed: impl FnOnce() -> Observed) {
        if self.observers.receiver_count() > 0 {
            // Nobody listens any more: fine.
            let _nobody = self.observers.send(observed());
        }
    }
}
