//! A run in memory that is not under way yet.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::Event;
use pathway_engine::testing::Called;
use pathway_engine::vm::Failure;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::asleep::Woken;
use super::holding::Holding;
use super::lanes::Lane;
use super::queue::Queued;
use crate::store::{Offset, RunId};
use crate::trace::TraceContext;

/// A run that was admitted, or read back from the store.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) id: RunId,
    pub(super) public_id: String,
    pub(super) plan: Arc<Plan>,
    pub(super) lane: Option<Lane>,
    /// Where it belongs to, if that has to be proven.
    pub(super) holding: Option<Arc<Holding>>,
    pub(super) correlation: String,
    /// Whether it came through an HTTP door, which decides what is parked.
    pub(super) from_http: bool,
    /// The record that started it.
    pub(super) source: Option<(String, i32, Offset)>,
    /// Public id of the run that called it.
    pub(super) parent: Option<String>,
    /// Who called it, where there are mocks that ask for that.
    pub(super) called: Option<Arc<Called>>,
    /// Told the offset of its record when it is over, if the store does not know it.
    pub(super) finished: Option<mpsc::Sender<Offset>>,
    /// What started it, in the trace that it belongs to.
    pub(super) trace: Option<TraceContext>,
    /// How often it was redriven.
    pub(super) redrives: u32,
    /// Why it is called off as soon as it begins, if it is.
    pub(super) called_off: Option<Failure>,
    /// Whether nobody is answered: it was parked and goes on, or it runs another one again.
    pub(super) silent: bool,
    /// Whether it was redriven and has not gone on since.
    pub(super) waits: bool,
    /// Whether it was read back, and so may have begun already, even if its journal does not say so:
    /// what it streams is beside that.
    pub(super) taken_up: bool,
    /// That it was asleep, until it has been told what it was woken for.
    pub(super) woken: Option<Woken>,
    /// Whether it was taken up after a crash, and that was not counted yet.
    pub(super) is_suspect: bool,
    /// Bytes that the store keeps of it, but for how it started.
    pub(super) kept: u64,
    /// Its journal: at least `started`.
    pub(super) events: Vec<Event>,
    /// Its place among those that wait to begin.
    pub(super) queued: Option<Queued>,
    /// Its place among the runs in memory.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Admitted {
    /// One that answers to its own id, and of which nothing else is known than its journal.
    pub(super) fn new(public_id: String, plan: Arc<Plan>, events: Vec<Event>) -> Self {
        Self {
            id: RunId(0),
            correlation: public_id.clone(),
            public_id,
            plan,
            lane: None,
            holding: None,
            from_http: false,
            source: None,
            parent: None,
            called: None,
            finished: None,
            trace: None,
            redrives: 0,
            called_off: None,
            silent: false,
            waits: false,
            taken_up: false,
            woken: None,
            is_suspect: false,
            kept: 0,
            events,
            queued: None,
            room: None,
        }
    }

    /// Its own span: below what started it.
    pub(super) fn span(&self) -> Option<TraceContext> {
        self.trace.map(|trace| trace.of_run(&self.public_id, self.redrives))
    }
}
