//! What happened in a run, step by step, and what it waits for: told from its journal.

use std::collections::HashMap;

use jiff::Timestamp;
use pathway_engine::journal::{Event, Kind, compacted};
use pathway_engine::limits::State;
use pathway_engine::vm::{Effect, Trace, Vm};

use super::Runner;
use super::iterations::with_ends;
use crate::store::{Claim, Home, Run, Status, StoreError};

/// What happened in a run.
#[derive(Debug, Default)]
pub struct Story {
    /// What happened to its steps, in order.
    pub happened: Vec<Trace>,
    /// For how many milliseconds attempts of calls ran, where its journal says so.
    pub took: HashMap<(String, u32), u64>,
    /// What it waits for.
    pub waits: Vec<Waiting>,
    /// Why there is no more to tell.
    pub untold: Option<String>,
}

/// Something that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Who works on its partition tells more.
    Elsewhere(Home),
    /// The run before it in its lane.
    Lane(String),
    /// Slots that others hold.
    Slots {
        /// Whose slots they are.
        limit: String,
        /// For what: a step, or the run itself.
        step: Option<String>,
        /// Those who hold them: pathway, run and step.
        holders: Vec<String>,
    },
    /// A service, whose circuit is not closed.
    Circuit {
        /// Which.
        service: String,
        /// For what.
        step: String,
        /// When calls are tried again.
        until: Option<Timestamp>,
    },
    /// An answer.
    Call {
        /// The service.
        service: String,
        /// For what.
        step: String,
        /// Which attempt.
        attempt: u32,
    },
    /// A signal.
    Signal {
        /// Its name.
        name: String,
        /// For what.
        step: String,
    },
    /// A claim that another has.
    Claim {
        /// The key.
        key: String,
        /// For what.
        step: String,
        /// Who has it: pathway, run and step; none: it may be had.
        holder: Option<String>,
    },
    /// A run that it called.
    Child {
        /// Its pathway.
        pathway: String,
        /// For what.
        step: String,
    },
    /// A time.
    Timer(Timestamp),
}

impl Waiting {
    /// Whether that is a slot without which the call of a step is not made: the run's own, or the step's.
    fn keeps_back(&self, of: &str) -> bool {
        matches!(self, Self::Slots { step, .. } if step.as_deref().is_none_or(|step| step == of))
    }
}

impl Runner {
    /// What happened in a run, and what it waits for.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn story(&self, run: &Run) -> Result<Story, StoreError> {
        let Some(admitted) = self.inner.read_back(run.clone()).await? else {
            let untold = Some("its journal, or the definition that it began with, cannot be read".to_owned());
            return Ok(Story { untold, ..Story::default() });
        };
        let events = self.inner.history(&admitted, run.status);
        let mut vm = Vm::new(admitted.plan).traced();
        let untold = match vm.follow(&events) {
            Ok(()) => compacted(&events).map(|compacted| {
                let events = compacted.events;
                format!("the first {events} events of its journal were compacted: what is over since before is not told")
            }),
            Err(mismatch) => Some(mismatch.to_string()),
        };
        let waits = match run.status {
            Status::Ready => self.waits(run, &vm).await?,
            _ => Vec::new(),
        };
        let happened = with_ends(vm.take_trace());
        Ok(Story { happened, took: events.iter().filter_map(took).collect(), waits, untold })
    }

    async fn waits(&self, run: &Run, vm: &Vm) -> Result<Vec<Waiting>, StoreError> {
        if let Some(home) = run.home.clone().filter(|home| !self.inner.is_ours(Some(home))) {
            return Ok(vec![Waiting::Elsewhere(home)]);
        }
        if !self.inner.is_under_way(&run.public_id) {
            return Ok(run.lane.clone().map(Waiting::Lane).into_iter().collect());
        }
        let label = format!("{} {}", run.pathway, run.public_id);
        let waiters = self.inner.slots.waiting();
        let slots = waiters.iter().filter_map(|waiter| {
            let rest = waiter.label.strip_prefix(&label)?;
            Some(Waiting::Slots {
                limit: waiter.limit.to_string(),
                step: rest.strip_prefix(' ').map(str::to_owned),
                holders: waiter.holders.iter().map(ToString::to_string).collect(),
            })
        });
        let mut waits: Vec<Waiting> = slots.collect();
        let circuits = self.inner.upstreams.circuits();
        let current = self.inner.current();
        for unfinished in vm.in_flight() {
            let step = unfinished.effect.instance().map(ToString::to_string).unwrap_or_default();
            match unfinished.effect {
                Effect::Http { request, attempt, .. } => {
                    let service = request.service.to_string();
                    let gate = current.loaded.project.services.get(service.as_str());
                    let gate = gate.map(|service| service.limits_of.as_str());
                    let circuit = circuits.iter().find(|(name, _)| Some(name.as_str()) == gate);
                    waits.push(match circuit.filter(|(_, circuit)| circuit.state == State::Open) {
                        Some((_, circuit)) => {
                            Waiting::Circuit { service, step, until: circuit.half_opens_at }
                        }
                        None if waits.iter().any(|waiting| waiting.keeps_back(&step)) => continue,
                        None => Waiting::Call { service, step, attempt },
                    });
                }
                Effect::Await { name, .. } => waits.push(Waiting::Signal { name: name.to_string(), step }),
                Effect::Child { pathway, .. } => {
                    waits.push(Waiting::Child { pathway: pathway.to_string(), step });
                }
                Effect::Claim { step: path, key, .. } => {
                    let (pathway, key) = (run.pathway.clone(), key.to_string());
                    let step = execution(&step).to_owned();
                    let claim = Claim { pathway, step: path.to_string(), key: key.clone() };
                    let claimed = self.inner.store.claimed(&claim).await?;
                    let held = claimed.filter(|claimed| claimed.done_until.is_none());
                    let holder = held.and_then(|held| {
                        Some(format!("{} {} {}", run.pathway, held.run?, execution(&held.instance)))
                    });
                    waits.push(Waiting::Claim { key, step, holder });
                }
                Effect::Timer { at, .. } => waits.push(Waiting::Timer(at)),
                Effect::Publish { .. }
                | Effect::Emit { .. }
                | Effect::Release { .. }
                | Effect::Abandon { .. }
                | Effect::Ended { .. } => {}
            }
        }
        Ok(waits)
    }
}

/// How long an attempt ran.
fn took(event: &Event) -> Option<((String, u32), u64)> {
    let Kind::Performed(performed) = &event.kind else { return None };
    Some(((performed.instance.to_string(), performed.attempt), performed.took?))
}

/// The execution of a step whose claim it is.
fn execution(claim: &str) -> &str {
    claim.strip_suffix('?').unwrap_or(claim)
}
