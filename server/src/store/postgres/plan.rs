//! Applies a batch of changes to what is known of the store, one after the other: what each of
//! them answers, and what is to be written.
//!
//! A change is looked at in full before anything of it is noted, so one that conflicts leaves
//! nothing behind.

use std::collections::HashSet;

use super::change::{Change, Done};
use super::known::{Head, Known, Twin};
use super::rows::Rows;
use super::session::Call;
use crate::bus::EMBEDDED_PARTITION;
use crate::store::watch::Subject;
use crate::store::{
    Admission, Admit, Append, Appended, Conflict, DuplicateOf, NewRecord, NewRun, Offset, Outlet, RunId,
    Status, StoreError, StreamRow, Tenure,
};

/// What a batch comes to.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    known: Known,
    outlet: Outlet,
    rows: Rows<'a>,
    /// What to notify if it is committed.
    pub(super) changed: Vec<Subject>,
}

/// What made a run.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// A partition, and the one that is proven to be owned.
    Source(i64, Option<i64>),
    /// A run, and its source.
    Parent(RunId, Option<i64>),
}

impl<'a> Plan<'a> {
    pub(super) fn new(mut known: Known, outlet: Outlet) -> Self {
        let mut rows = Rows::default();
        rows.release(std::mem::take(&mut known.sent));
        Self { known, outlet, rows, changed: Vec::new() }
    }

    /// The statements that write it all, in order.
    pub(super) fn calls(&mut self) -> Vec<Call<'_>> {
        let mut calls = self.rows.calls();
        calls.extend(self.known.claims.calls());
        calls
    }

    /// Adds a change: what it answers when all is committed.
    pub(super) fn add(&mut self, change: &'a Change) -> Result<Done, StoreError> {
        match change {
            Change::Admit(admit) => self.admit(admit).map(Done::Admitted),
            Change::Append(append) => self.append(append).map(Done::Appended),
            Change::Stream { run, rows } => self.stream(*run, rows).map(|()| Done::Nothing),
            Change::Publish(records) => self.publish(records).map(Done::Published),
            Change::Settle(settle) => {
                self.rows.settle(settle);
                Ok(Done::Nothing)
            }
            Change::Post(message) => {
                let source = self.head(message.run)?.source;
                if !message.even_if_finished {
                    self.free(message.run, &[])?;
                }
                self.rows.message(source, message);
                self.changed.push(Subject::Inbox);
                Ok(Done::Nothing)
            }
            Change::Discard(messages) => {
                self.rows.received(messages);
                Ok(Done::Nothing)
            }
            Change::Define { .. }
            | Change::Tick { .. }
            | Change::SetAtWork { .. }
            | Change::TakeUp(_)
            | Change::PutDown(_)
            | Change::Prune(_)
            | Change::TakeOver(_) => Err(missing("a change of its own")),
        }
    }

    fn admit(&mut self, admit: &'a Admit) -> Result<Vec<Admission>, StoreError> {
        let Admit { topic, partition, proof, from_offset, next_offset, received, runs } = admit;
        self.expect_owner(proof.as_deref())?;
        let definitions = self.definitions(runs)?;
        let source = self.known.sources.get_mut(&(topic.clone(), *partition));
        let source = source.ok_or_else(|| missing("a partition"))?;
        if let Some(found) = source.next.filter(|found| found != from_offset) {
            let (topic, partition, expected) = (topic.clone(), *partition, *from_offset);
            return Err(Conflict::Offset { topic, partition, expected, found }.into());
        }
        source.next = Some(*next_offset);
        let id = source.id;
        self.rows.position(id, *next_offset);
        self.rows.received(received);
        let owned = proof.as_ref().and_then(|tenure| {
            let key = (tenure.home.topic.clone(), tenure.home.partition);
            self.known.sources.get(&key).map(|source| source.id)
        });
        let runs = runs.iter().zip(definitions);
        runs.map(|(run, definition)| self.insert(run, definition, Origin::Source(id, owned))).collect()
    }

    fn append(&mut self, append: &'a Append) -> Result<Appended, StoreError> {
        self.expect_owner(append.proof.as_deref())?;
        let definitions = self.definitions(&append.children)?;
        let pinned = append.definition.as_deref().map(|digest| self.definition(digest)).transpose()?;
        self.free(append.run, &append.stream)?;
        let head = self.known.heads.get_mut(&append.run).ok_or(Conflict::UnknownRun(append.run))?;
        if head.next != append.expected_seq {
            let (run, expected, found) = (append.run, append.expected_seq, head.next);
            return Err(Conflict::Seq { run, expected, found }.into());
        }
        for event in &append.events {
            self.rows.event(append.run, head.next, event);
            head.next += 1;
        }
        if append.compacts
            && let Some(last) = head.next.checked_sub(1)
        {
            self.rows.release(self.known.journals.remove(&append.run).unwrap_or_default());
            self.rows.compact(append.run, last);
        }
        let claims = &mut self.known.claims;
        append.released.iter().for_each(|release| claims.release(append.run, release, &mut self.changed));
        let taken = append.taken.iter().map(|take| claims.take(append.run, &head.public_id, take)).collect();
        if let Some(change) = &append.status {
            head.status = change.status;
            self.rows.release(head.outcome_blob.take());
            self.rows.status(append.run, change);
            if change.status != Status::Ready {
                claims.release_all(append.run, &mut self.changed);
            }
        }
        if let Some(definition) = pinned {
            self.rows.pin(append.run, definition);
        }
        if append.status.is_some() || !append.stream.is_empty() {
            self.changed.push(Subject::Run(head.public_id.clone()));
        }
        let source = head.source;
        self.rows.received(&append.received);
        self.pieces(append.run, &append.stream);
        let offsets = self.send(&append.records, source)?;
        let children = append.children.iter().zip(definitions);
        let parent = Origin::Parent(append.run, source);
        let children = children
            .map(|(run, definition)| self.insert(run, definition, parent))
            .collect::<Result<_, _>>()?;
        Ok(Appended { offsets, children, taken })
    }

    fn stream(&mut self, run: RunId, rows: &'a [StreamRow]) -> Result<(), StoreError> {
        self.free(run, rows)?;
        if let Some(head) = self.known.heads.get(&run) {
            self.changed.push(Subject::Run(head.public_id.clone()));
        }
        self.pieces(run, rows);
        Ok(())
    }

    /// That a change is made by the owner of what it changes.
    fn expect_owner(&self, proof: Option<&Tenure>) -> Result<(), Conflict> {
        let Some(Tenure { home, epoch }) = proof else { return Ok(()) };
        let found = self.known.epochs.get(&(home.topic.clone(), home.partition)).copied().unwrap_or(0);
        if found == *epoch {
            Ok(())
        } else {
            Err(Conflict::Fenced { home: home.clone(), epoch: *epoch, found })
        }
    }

    fn head(&self, run: RunId) -> Result<&Head, Conflict> {
        self.known.heads.get(&run).ok_or(Conflict::UnknownRun(run))
    }

    /// That a run may be appended to, and streams none of these rows already.
    fn free(&self, run: RunId, rows: &[StreamRow]) -> Result<(), Conflict> {
        if self.head(run)?.status.is_final() {
            return Err(Conflict::Finished(run));
        }
        let mut seen = HashSet::new();
        for &StreamRow { attempt, seq, .. } in rows {
            if self.known.pieces.contains(&(run, attempt, seq)) || !seen.insert((attempt, seq)) {
                return Err(Conflict::StreamRow { run, attempt, seq });
            }
        }
        Ok(())
    }

    fn pieces(&mut self, run: RunId, rows: &'a [StreamRow]) {
        for row in rows {
            self.known.pieces.insert((run, row.attempt, row.seq));
            self.rows.piece(run, row);
        }
    }

    /// The definitions of runs, all of which must be kept.
    fn definitions(&self, runs: &[NewRun]) -> Result<Vec<i64>, Conflict> {
        runs.iter().map(|run| self.definition(&run.digest)).collect()
    }

    fn definition(&self, digest: &str) -> Result<i64, Conflict> {
        let id = self.known.definitions.get(digest).copied();
        id.ok_or_else(|| Conflict::UnknownDefinition(digest.to_owned()))
    }

    /// Inserts a run unless it is there.
    fn insert(&mut self, run: &'a NewRun, definition: i64, origin: Origin) -> Result<Admission, StoreError> {
        for id in std::iter::once(&run.public_id).chain(&run.correlation) {
            self.changed.push(Subject::Run(id.clone()));
        }
        let (position, source, parent) = match origin {
            Origin::Source(source, owned) => {
                let position = run.offset.map(|offset| (source, offset));
                (position, position.map_or(owned, |_| Some(source)), None)
            }
            Origin::Parent(parent, source) => (None, source, Some(parent.0)),
        };
        if let Some(duplicate) = self.duplicate(run, position) {
            return Ok(duplicate);
        }
        let id = RunId(self.known.numbers.pop().ok_or_else(|| missing("a number"))?);
        let key = run.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
        let hash = run.idempotency.as_ref().map(|idempotency| idempotency.input_hash.as_slice());
        let rows = &mut self.rows.runs;
        rows.id.push(id.0);
        rows.status.push(run.status.name());
        rows.finished_at.push(run.status.is_final().then_some(run.at));
        rows.created_at.push(run.at);
        rows.public_id.push(run.public_id.as_bytes());
        rows.pathway.push(&run.pathway);
        rows.definition.push(definition);
        rows.subject.push(run.subject.as_deref().map(str::as_bytes));
        rows.source.push(source);
        rows.offset.push(position.map(|(_, offset)| offset));
        rows.lane.push(run.lane.as_deref().map(str::as_bytes));
        rows.correlation.push(run.correlation.as_deref().map(str::as_bytes));
        rows.dedupe_id.push(run.dedupe_id.as_deref().map(str::as_bytes));
        rows.key.push(key.map(str::as_bytes));
        rows.input_hash.push(hash);
        rows.parent.push(parent);
        rows.rerun_of.push(run.rerun_of.as_deref().map(str::as_bytes));
        self.rows.run_payloads(&run.started, run.outcome.as_deref());
        let twin = Twin { id, public_id: run.public_id.clone(), input_hash: hash.map(<[u8]>::to_vec) };
        let key = key.map(|key| (key.to_owned(), run.subject.clone().unwrap_or_default()));
        self.known.twins.add(&twin, &run.pathway, position, run.dedupe_id.clone(), key);
        self.pieces(id, &run.stream);
        self.send(&run.records, source)?;
        Ok(Admission::Inserted(id))
    }

    /// The run that stands in the way of another.
    fn duplicate(&self, run: &NewRun, position: Option<(i64, Offset)>) -> Option<Admission> {
        let twins = &self.known.twins;
        let pathway = || run.pathway.clone();
        let same_position = || {
            let (source, offset) = position?;
            Some((twins.by_position.get(&(source, offset, pathway()))?, DuplicateOf::Position))
        };
        let same_id = || Some((twins.by_id.get(&run.public_id)?, DuplicateOf::PublicId));
        let same_message = || {
            let id = run.dedupe_id.clone()?;
            Some((twins.by_dedupe_id.get(&(pathway(), id))?, DuplicateOf::DedupeId))
        };
        let same_request = || {
            let idempotency = run.idempotency.as_ref()?;
            let subject = run.subject.clone().unwrap_or_default();
            let twin = twins.by_key.get(&(pathway(), idempotency.key.clone(), subject))?;
            let same_input = twin.input_hash.as_ref() == Some(&idempotency.input_hash);
            Some((twin, DuplicateOf::IdempotencyKey { same_input }))
        };
        let (twin, of) = same_position().or_else(same_id).or_else(same_message).or_else(same_request)?;
        Some(Admission::Duplicate { run: twin.id, public_id: twin.public_id.clone(), of })
    }

    /// Publishes what runs send: on a topic here, or through the outbox. One offset per record,
    /// where it is known. `source` is that of the run.
    fn send(&mut self, records: &'a [NewRecord], source: Option<i64>) -> Result<Vec<Offset>, StoreError> {
        match self.outlet {
            Outlet::Topics => self.publish(records),
            Outlet::Outbox => {
                records.iter().for_each(|record| self.rows.outgoing(source, record));
                if !records.is_empty() {
                    self.changed.push(Subject::Outbox);
                }
                Ok(Vec::new())
            }
        }
    }

    /// Puts records at the ends of their topics.
    fn publish(&mut self, records: &'a [NewRecord]) -> Result<Vec<Offset>, StoreError> {
        let mut offsets = Vec::with_capacity(records.len());
        for record in records {
            let source = self.known.sources.get_mut(&(record.topic.clone(), EMBEDDED_PARTITION));
            let source = source.ok_or_else(|| missing("a topic"))?;
            self.rows.record(source.id, source.end, record);
            offsets.push(source.end);
            source.end += 1;
        }
        for run in records.chunk_by(|one, next| one.topic == next.topic) {
            self.changed.extend(run.first().map(|record| Subject::Topic(record.topic.clone())));
        }
        Ok(offsets)
    }
}

/// What was asked for is not among the answers.
fn missing(what: &str) -> StoreError {
    StoreError::Stopped(format!("{what} was not found where it must be").into())
}
