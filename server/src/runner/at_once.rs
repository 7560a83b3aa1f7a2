//! Runs that are over as soon as they begin: they compute, publish and emit, and wait for nothing.
//! Such a run is inserted as ended, with all that it sent: one row, one commit.

use pathway_engine::Value;
use pathway_engine::journal::{Event, Kind, Outcome, Performed};
use pathway_engine::vm::{Applied, Effect, Failure, RequestHash, Vm};

use super::ending::{self, Ending};
use super::outgoing::Outgoing;
use super::{Admitted, Inner};
use crate::piece::{Piece, Said};
use crate::store::{NewRecord, Record, Status, StreamRow};

/// What came of a run that is over.
pub(super) struct AtOnce {
    pub(super) outcome: Result<Value, Failure>,
    pub(super) status: Status,
    pub(super) records: Vec<NewRecord>,
    pub(super) stream: Vec<StreamRow>,
}

impl Inner {
    /// Runs `run` to its end, if it ends without waiting for anything. Nothing is told to anybody:
    /// that it is run again later, with the same result, does no harm.
    pub(super) fn at_once(&self, record: &Record, run: &Admitted) -> Option<AtOnce> {
        // Whoever looks on wants to see each step, and mocks are for the actor.
        if self.observers.receiver_count() > 0 || self.mocks.is_some() {
            return None;
        }
        let event = run.events.first()?;
        let is_refused = matches!(&event.kind, Kind::Started(started) if started.refused.is_some());
        if !is_refused && !run.plan.may_end_at_once() {
            return None;
        }
        let current = self.current();
        let outgoing = self.outgoing(&current, run);
        let mut ended = Collected::default();
        // It takes no time that anybody could tell.
        let at = event.at;
        let mut vm = Vm::new(run.plan.clone());
        let mut effects = Vec::new();
        if vm.apply(event, &mut effects) == Applied::Ignored {
            return None;
        }
        if let Some(reason) = ending::given_up(run, &self.clock) {
            let event = Event { at, kind: Kind::Cancelled { reason } };
            let _applied = vm.apply(&event, &mut effects);
        }
        while vm.outcome().is_none() {
            if effects.is_empty() {
                return None;
            }
            for effect in std::mem::take(&mut effects) {
                let performed = ended.perform(&outgoing, &effect)?;
                let event = Event { at, kind: Kind::Performed(performed) };
                let _applied = vm.apply(&event, &mut effects);
            }
            // Else it would be kept whole before anybody could say that it is too large.
            if ended.streamed > current.loaded.project.max_run {
                return None;
            }
        }
        let outcome = vm.outcome()?.clone();
        let Collected { mut records, stream, .. } = ended;
        let ending = Ending { run, outcome: &outcome };
        let status = ending.status();
        if let Some(failure) = ending.dead_letter() {
            // What it has done is to be kept step by step, so that a redrive does not do it again.
            let is_kept = status == Status::Parked && run.plan.has_journal();
            if is_kept && (!records.is_empty() || !stream.is_empty()) {
                return None;
            }
            records.extend(outgoing.dead_letter(record.clone(), failure));
        }
        records.extend(outgoing.ended(&outcome));
        Some(AtOnce { outcome, status, records, stream })
    }
}

/// What a run sent so far.
#[derive(Default)]
pub(super) struct Collected {
    records: Vec<NewRecord>,
    stream: Vec<StreamRow>,
    /// Bytes of that.
    streamed: u64,
}

impl Collected {
    /// Performs an effect whose answer is known at once; none for others.
    pub(super) fn perform(&mut self, outgoing: &Outgoing<'_>, effect: &Effect) -> Option<Performed> {
        let (instance, attempt) = (effect.instance()?.clone(), effect.attempt()?);
        let outcome = match effect {
            Effect::Emit { value, .. } => {
                let seq = u32::try_from(self.stream.len()).ok()?;
                let said = Said::Emitted(value.clone());
                let piece = Piece { step: instance.to_string(), attempt, said };
                let row = serde_json::to_vec(&piece).ok()?;
                self.streamed = self.streamed.saturating_add(u64::try_from(row.len()).unwrap_or(u64::MAX));
                self.stream.push(StreamRow { attempt: 1, seq, value: row });
                self.records.extend(outgoing.emitted(value, seq));
                Outcome::Answer(value.clone())
            }
            Effect::Publish { topic, key, value, headers, .. } => {
                match outgoing.published(&instance, topic, key.as_deref(), value, headers) {
                    Ok((id, record)) => {
                        self.records.push(record);
                        Outcome::Answer(Value::from_pairs([("id", id)]))
                    }
                    Err(failure) => Outcome::Failure(failure),
                }
            }
            _ => return None,
        };
        Some(Performed { instance, attempt, request: RequestHash::NONE, outcome, emitted: false })
    }
}
