//! What happened to a run since the last commit, and the commit.

use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::journal::Event;
use tokio::time::Instant;

use super::Observed;
use super::actor::Actor;
use crate::piece::{Piece, Said};
use crate::store::{
    Append, NewEvent, NewRecord, NewRun, Release, StatusChange, StoreError, StreamRow, Take, Taken,
};

/// How long what is emitted may wait for company before it is committed.
pub(super) const GATHER: Duration = Duration::from_millis(25);
/// How many bytes of it may.
const GATHER_BYTES: usize = 4096;

/// What happened since the last commit.
#[derive(Default)]
pub(super) struct Change {
    events: Vec<NewEvent>,
    pub(super) records: Vec<NewRecord>,
    pub(super) children: Vec<NewRun>,
    /// What it was told by, through the store.
    pub(super) received: Vec<i64>,
    pub(super) released: Vec<Release>,
    pub(super) taken: Vec<Take>,
    stream: Vec<StreamRow>,
    stream_bytes: usize,
    /// When the first of `stream` was said.
    pub(super) stream_since: Option<Instant>,
}

impl Change {
    /// Whether it is nothing but emitted values that may still wait for company.
    pub(super) fn may_wait(&self) -> bool {
        let is_due = |since: Instant| self.stream_bytes >= GATHER_BYTES || since.elapsed() >= GATHER;
        self.events.is_empty()
            && self.children.is_empty()
            && self.received.is_empty()
            && self.has_no_claims()
            && self.stream_since.is_some_and(|since| !is_due(since))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.records.is_empty()
            && self.children.is_empty()
            && self.received.is_empty()
            && self.has_no_claims()
            && self.stream.is_empty()
    }

    fn has_no_claims(&self) -> bool {
        self.released.is_empty() && self.taken.is_empty()
    }
}

impl Actor {
    /// Adds to the run's journal.
    pub(super) fn happened(&mut self, event: &Event) {
        let payload = match self.run.plan.has_journal() {
            true => self.inner.encode(&self.run.plan, &self.run.public_id, event),
            false => Vec::new(),
        };
        self.keeps(payload.len());
        self.journal.add(payload.len());
        self.change.events.push(NewEvent { kind: event.name(), payload });
    }

    /// Adds to what the run streams.
    pub(super) fn emitted(&mut self, instance: &str, attempt: u32, value: Value) {
        let run = self.run.public_id.clone();
        let shown = value.clone();
        self.inner.observe(|| Observed::Emitted { run, value: shown });
        let current = self.inner.current();
        let outgoing = self.inner.outgoing(&current, &self.run);
        if !self.run.silent {
            self.change.records.extend(outgoing.emitted(&value, self.rows));
        }
        if !self.heard.contains(instance) {
            self.heard.insert(instance.into());
        }
        self.say(instance, attempt, Said::Emitted(value));
    }

    pub(super) fn say(&mut self, instance: &str, attempt: u32, said: Said) {
        let piece = Piece { step: instance.to_owned(), attempt, said };
        let Ok(value) = serde_json::to_vec(&piece) else { return };
        self.keeps(value.len());
        self.change.stream_bytes += value.len();
        self.change.stream_since.get_or_insert_with(Instant::now);
        self.change.stream.push(StreamRow { attempt: 1, seq: self.rows, value });
        self.rows += 1;
    }

    /// Makes all that happened durable; tells what became of the claims that were asked for.
    pub(super) async fn commit(&mut self) -> Result<Vec<Taken>, StoreError> {
        self.commit_with(None).await
    }

    pub(super) async fn commit_with(
        &mut self,
        status: Option<StatusChange>,
    ) -> Result<Vec<Taken>, StoreError> {
        if self.change.is_empty() && status.is_none() {
            return Ok(Vec::new());
        }
        let change = std::mem::take(&mut self.change);
        if !self.run.plan.has_journal() {
            return self.inner.send_records(&self.run, change.records).await.map(|()| Vec::new());
        }
        let expected_seq = self.seq;
        self.seq += u32::try_from(change.events.len()).unwrap_or(u32::MAX);
        let received = change.received.clone();
        let began = Instant::now();
        let appended = self
            .inner
            .store
            .append(Append {
                proof: self.run.proof(),
                events: change.events,
                records: change.records,
                children: change.children,
                stream: change.stream,
                received: change.received,
                released: change.released,
                taken: change.taken,
                status,
                ..Append::new(self.run.id, expected_seq)
            })
            .await?;
        self.inner.metrics.appended.observe(began.elapsed());
        self.inner.inbox.received(self.run.id, received);
        Ok(appended.taken)
    }
}
