//! The whole state of a run, for a journal that is compacted.
//!
//! What is computed anew whenever a run is taken up is not in it: how the run began stands in its first
//! event, and what is in flight is asked for once more by its step (see `restore.rs`), so that headers
//! and renewed secrets are never written. A run is compacted only where it comes back as it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::arena::{Arena, Key};
use super::state::{Fan, Frame, Task, Undoing};
use super::{Asked, Failure, Instance, Pending, Timer, Vm};
use crate::Value;
use crate::compile::Plan;
use crate::expression::Now;
use crate::journal::{Compacted, Event, Kind, Signal, Started};

/// Raised whenever a state is written otherwise: an engine takes up no other format.
pub(super) const FORMAT: u32 = 1;

/// All that a run is, but for what follows from its beginning.
#[derive(Deserialize)]
pub(super) struct State {
    /// Of the plan: blocks and steps are known by their numbers.
    pub(super) layout: String,
    pub(super) now: Now,
    pub(super) began: (Now, u32),
    pub(super) frames: Arena<Frame>,
    pub(super) tasks: Arena<Task>,
    pub(super) fans: Arena<Fan>,
    pub(super) undoings: Arena<Undoing>,
    pub(super) finished: u64,
    pub(super) queue: VecDeque<Key<Task>>,
    pub(super) in_flight: u32,
    pub(super) pending: BTreeMap<Instance, InFlight>,
    pub(super) timers: BTreeMap<u64, Timer>,
    pub(super) asking_again: u32,
    pub(super) next_timer: u64,
    pub(super) signals: VecDeque<Signal>,
    pub(super) keys: BTreeSet<(Option<String>, String)>,
    pub(super) only: Option<(Key<Frame>, u32)>,
    pub(super) made: BTreeMap<Arc<str>, u32>,
}

/// An effect without an outcome; what it asks for is asked of its step again.
#[derive(Serialize, Deserialize)]
pub(super) struct InFlight {
    pub(super) task: Key<Task>,
    pub(super) attempt: u32,
    pub(super) sent: bool,
    pub(super) asked: Asked,
}

/// A [`State`] to be written.
#[derive(Serialize)]
struct Written<'a> {
    layout: String,
    now: Now,
    began: (Now, u32),
    frames: &'a Arena<Frame>,
    tasks: &'a Arena<Task>,
    fans: &'a Arena<Fan>,
    undoings: &'a Arena<Undoing>,
    finished: u64,
    queue: &'a VecDeque<Key<Task>>,
    in_flight: u32,
    pending: BTreeMap<&'a Instance, InFlight>,
    timers: &'a BTreeMap<u64, Timer>,
    asking_again: u32,
    next_timer: u64,
    signals: &'a VecDeque<Signal>,
    keys: &'a BTreeSet<(Option<String>, String)>,
    only: Option<(Key<Frame>, u32)>,
    made: &'a BTreeMap<Arc<str>, u32>,
}

impl Vm {
    /// What stands for the events that led here, so many with the first, which is `started`; none where
    /// it would have more than `most` bytes, or the run would not be the same. One that has failed is
    /// not compacted, since a redrive goes back to before that. Nor is one in which something is made of
    /// a secret: that is computed anew whenever the run is taken up, by the secrets of then.
    #[must_use]
    pub fn compacted(&self, started: &Event, events: u32, most: usize) -> Option<Compacted> {
        let Kind::Started(began) = &started.kind else { return None };
        if !self.is_compactable() {
            return None;
        }
        let state = self.written(most)?;
        let redriven = self.context.redrives();
        let compacted = Compacted { events, redriven, format: FORMAT, state };
        self.comes_back(began, &compacted).then_some(compacted)
    }

    fn is_compactable(&self) -> bool {
        let has_failed = self.has_failed() || self.undoing_run || self.failed_at.is_some();
        let is_quiet = self.ready.is_empty() && self.again.is_empty() && self.feeding.is_empty();
        let is_told = self.released.is_empty() && self.effects.is_empty();
        let goes_on = self.context.is_begun() && self.ended.is_none() && !has_failed;
        goes_on && is_quiet && is_told && !self.plan.keeps_secret
    }

    /// The state as text of at most so many bytes.
    fn written(&self, most: usize) -> Option<String> {
        // All that a run is stands here, so that nothing new is forgotten; what is passed over is as in a
        // run that was just made, or follows from how it began.
        let Self {
            plan,
            constants: _,
            context,
            now,
            frames,
            tasks,
            fans,
            undoings,
            undoing_run: _,
            finished,
            ready: _,
            again: _,
            feeding: _,
            queue,
            in_flight,
            pending,
            timers,
            asking_again,
            released: _,
            next_timer,
            signals,
            keys,
            only,
            failure: _,
            undo: _,
            failed_at: _,
            made,
            ended: _,
            effects: _,
            budget: _,
            trace: _,
        } = self;
        let asked = |Pending { task, effect, sent, asked }: &Pending| {
            Some(InFlight { task: *task, attempt: effect.attempt()?, sent: *sent, asked: *asked })
        };
        let pending = pending.iter().map(|(name, it)| Some((name, asked(it)?)));
        let written = Written {
            layout: layout(plan),
            now: *now,
            began: context.began(),
            frames,
            tasks,
            fans,
            undoings,
            finished: *finished,
            queue,
            in_flight: *in_flight,
            pending: pending.collect::<Option<_>>()?,
            timers,
            asking_again: *asking_again,
            next_timer: *next_timer,
            signals,
            keys,
            only: *only,
            made,
        };
        let mut text = Bounded { bytes: Vec::new(), most };
        serde_json::to_writer(&mut text, &written).ok()?;
        String::from_utf8(text.bytes).ok()
    }

    /// Whether the run is the same once it is taken up from there.
    fn comes_back(&self, started: &Started, compacted: &Compacted) -> bool {
        let mut again = Self { constants: self.constants.clone(), ..Self::new(self.plan.clone()) };
        if again.restore(started, compacted).is_err() {
            return false;
        }
        let requests = |vm: &Self| -> Vec<_> { vm.pending.values().map(|it| it.effect.hash()).collect() };
        requests(self) == requests(&again)
            && again.written(compacted.state.len()).as_ref() == Some(&compacted.state)
    }
}

/// The hash of what a state says by numbers: the blocks of a plan and their steps.
pub(super) fn layout(plan: &Plan) -> String {
    let mut sha = Sha256::new();
    let mut part = |bytes: &[u8]| {
        sha.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        sha.update(bytes);
    };
    for block in &plan.blocks {
        part(b"block");
        for (step, waits) in block.steps.iter().zip(&block.waits) {
            part(step.path.as_bytes());
            part(&waits.to_le_bytes());
            step.blocks.iter().for_each(|block| part(&block.0.to_le_bytes()));
        }
    }
    sha.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A failure, whose details may be any value.
#[derive(Serialize, Deserialize)]
struct Failed {
    failure: Failure,
    #[serde(with = "crate::value::exact")]
    details: Value,
}

impl Failed {
    fn of(failure: &Failure) -> Self {
        let details = failure.details.clone().unwrap_or(Value::UNDEFINED);
        Self { failure: Failure { details: None, ..failure.clone() }, details }
    }

    fn into_failure(self) -> Arc<Failure> {
        let details = Some(self.details).filter(|details| !details.is_undefined());
        Arc::new(Failure { details, ..self.failure })
    }
}

/// A failure, as it was.
pub(super) mod failure {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        failure: &Arc<Failure>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Failed::of(failure).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Failure>, D::Error> {
        Failed::deserialize(deserializer).map(Failed::into_failure)
    }
}

/// A failure that may be none.
pub(super) mod failures {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        failure: &Option<Arc<Failure>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        failure.as_deref().map(Failed::of).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<Failure>>, D::Error> {
        let read = Option::<Failed>::deserialize(deserializer)?;
        Ok(read.map(Failed::into_failure))
    }
}
