//! Rows to write, by columns: each table's go to the server as one statement.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::session::{Call, Given};
use crate::store::{
    NewEvent, NewMessage, NewRecord, Offset, RunId, Settle, StatusChange, StreamRow, headers,
};

/// Payloads up to this size stay in their row.
const INLINE_MAX: usize = 32 * 1024;

/// One that is there is locked, so that nobody finds it unused before this is committed.
const BLOBS: &str = "INSERT INTO blob (hash, bytes)
    SELECT DISTINCT ON (hash) * FROM unnest($1::bytea[], $2::bytea[]) AS new(hash, bytes) ORDER BY hash
    ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash";
const RUNS: &str = r#"INSERT INTO run (id, status, finished_at, created_at, public_id, pathway, definition, subject,
        source, "offset", lane, correlation, dedupe_id, idempotency_key, input_hash, parent,
        started, started_blob, outcome, outcome_blob, rerun_of)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[],
        $7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[], $13::bytea[],
        $14::bytea[], $15::bytea[], $16::bigint[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[],
        $21::bytea[])"#;
const EVENTS: &str = "INSERT INTO event (run, seq, kind, payload, payload_blob)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[], $5::bytea[])";
/// Deletes what the event of a number stands for.
const COMPACT: &str = "DELETE FROM event USING unnest($1::bigint[], $2::bigint[]) AS stands(run, seq)
    WHERE event.run = stands.run AND event.seq < stands.seq";
const PIECES: &str = "INSERT INTO stream (run, attempt, seq, value, value_blob)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])";
const STATES: &str =
    "UPDATE run SET status = new.status, wake_at = new.wake_at, finished_at = new.finished_at,
        outcome = new.outcome, outcome_blob = new.outcome_blob
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[])
        AS new(id, status, wake_at, finished_at, outcome, outcome_blob) WHERE run.id = new.id";
const PINS: &str = "UPDATE run SET definition = new.definition
    FROM unnest($1::bigint[], $2::bigint[]) AS new(id, definition) WHERE run.id = new.id";
const RECORDS: &str = r#"INSERT INTO record (source, "offset", time, "key", headers, value, value_blob)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[],
        $7::bytea[])"#;
const OUTBOX: &str = r#"INSERT INTO outbox (source, topic, time, "key", headers, value, value_blob)
    SELECT source, topic, time, "key", headers, value, value_blob
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])
        WITH ORDINALITY AS new(source, topic, time, "key", headers, value, value_blob, place) ORDER BY place"#;
const INBOX: &str =
    "INSERT INTO inbox (run, source, posted_at, payload) SELECT run, source, posted_at, payload
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
        WITH ORDINALITY AS new(run, source, posted_at, payload, place) ORDER BY place";
const RECEIVED: &str = "DELETE FROM inbox WHERE id = ANY($1::bigint[])";
const POSITIONS: &str = "UPDATE source SET next_offset = new.next
    FROM unnest($1::bigint[], $2::bigint[]) AS new(id, next) WHERE source.id = new.id";
const SENT: &str = "DELETE FROM outbox USING unnest($1::bigint[], $2::bigint[]) AS sent(first, last)
    WHERE id BETWEEN first AND last AND refused IS NULL";
const REFUSED: &str = "UPDATE outbox SET refused = new.why
    FROM unnest($1::bigint[], $2::text[]) AS new(id, why) WHERE outbox.id = new.id";
/// Waits for whoever is about to use them, so that [`RELEASE`] sees it.
pub(super) const SEIZE: &str = "SELECT FROM blob WHERE hash = ANY($1::bytea[]) ORDER BY hash FOR UPDATE";
/// Deletes those that no row holds any more.
pub(super) const RELEASE: &str = "DELETE FROM blob WHERE hash = ANY($1::bytea[])
    AND NOT EXISTS (SELECT 1 FROM run WHERE started_blob = blob.hash)
    AND NOT EXISTS (SELECT 1 FROM run WHERE outcome_blob = blob.hash)
    AND NOT EXISTS (SELECT 1 FROM event WHERE payload_blob = blob.hash)
    AND NOT EXISTS (SELECT 1 FROM stream WHERE value_blob = blob.hash)
    AND NOT EXISTS (SELECT 1 FROM record WHERE value_blob = blob.hash)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE value_blob = blob.hash)";

type Bytes<'a> = Vec<Option<&'a [u8]>>;
type Hashes = Vec<Option<Vec<u8>>>;

/// Payloads, in their rows or as blobs.
#[derive(Debug, Default)]
pub(super) struct Payloads<'a> {
    inline: Bytes<'a>,
    blob: Hashes,
}

/// Large payloads by their hashes.
#[derive(Debug, Default)]
pub(super) struct Blobs<'a> {
    hash: Vec<Vec<u8>>,
    bytes: Vec<&'a [u8]>,
}

impl<'a> Payloads<'a> {
    fn put(&mut self, blobs: &mut Blobs<'a>, payload: Option<&'a [u8]>) {
        let large = payload.filter(|payload| payload.len() > INLINE_MAX);
        let hash = large.map(|payload| {
            let hash = Sha256::digest(payload).to_vec();
            blobs.hash.push(hash.clone());
            blobs.bytes.push(payload);
            hash
        });
        self.inline.push(if hash.is_some() { None } else { payload });
        self.blob.push(hash);
    }
}

/// New runs.
#[derive(Debug, Default)]
pub(super) struct Runs<'a> {
    pub(super) id: Vec<i64>,
    pub(super) status: Vec<&'static str>,
    pub(super) finished_at: Vec<Option<i64>>,
    pub(super) created_at: Vec<i64>,
    pub(super) public_id: Vec<&'a [u8]>,
    pub(super) pathway: Vec<&'a str>,
    pub(super) definition: Vec<i64>,
    pub(super) subject: Bytes<'a>,
    pub(super) source: Vec<Option<i64>>,
    pub(super) offset: Vec<Option<Offset>>,
    pub(super) lane: Bytes<'a>,
    pub(super) correlation: Bytes<'a>,
    pub(super) dedupe_id: Bytes<'a>,
    pub(super) key: Bytes<'a>,
    pub(super) input_hash: Bytes<'a>,
    pub(super) parent: Vec<Option<i64>>,
    pub(super) rerun_of: Bytes<'a>,
    started: Payloads<'a>,
    outcome: Payloads<'a>,
}

/// Records of topics, or of the outbox.
#[derive(Debug, Default)]
struct Records<'a> {
    source: Vec<i64>,
    offset: Vec<Offset>,
    topic: Vec<&'a str>,
    time: Vec<i64>,
    key: Bytes<'a>,
    headers: Vec<Option<Vec<u8>>>,
    value: Payloads<'a>,
}

/// Messages for runs.
#[derive(Debug, Default)]
struct Messages<'a> {
    run: Vec<i64>,
    /// Of the runs.
    source: Vec<Option<i64>>,
    posted_at: Vec<i64>,
    payload: Vec<&'a [u8]>,
}

/// Changes of status.
#[derive(Debug, Default)]
struct States<'a> {
    run: Vec<i64>,
    status: Vec<&'static str>,
    wake_at: Vec<Option<i64>>,
    finished_at: Vec<Option<i64>>,
    outcome: Payloads<'a>,
}

/// All that a batch writes.
#[derive(Debug, Default)]
pub(super) struct Rows<'a> {
    blobs: Blobs<'a>,
    pub(super) runs: Runs<'a>,
    events: (Vec<i64>, Vec<i64>, Vec<&'static str>, Payloads<'a>),
    /// Runs, and the events that stand for all before.
    last_compacted: BTreeMap<i64, i64>,
    compacted: (Vec<i64>, Vec<i64>),
    pieces: (Vec<i64>, Vec<i64>, Vec<i64>, Payloads<'a>),
    last_status: BTreeMap<i64, &'a StatusChange>,
    states: States<'a>,
    /// Runs, and the definitions that they are pinned to from now on.
    last_pin: BTreeMap<i64, i64>,
    pins: (Vec<i64>, Vec<i64>),
    records: Records<'a>,
    outbox: Records<'a>,
    last_position: BTreeMap<i64, Offset>,
    positions: (Vec<i64>, Vec<Offset>),
    sent: (Vec<i64>, Vec<i64>),
    refused: (Vec<i64>, Vec<String>),
    /// Of the runs that sent what is in the outbox.
    outbox_sources: Vec<Option<i64>>,
    messages: Messages<'a>,
    received: Vec<i64>,
    /// Blobs that may be needed no more.
    released: Vec<Vec<u8>>,
}

impl<'a> Rows<'a> {
    /// The payloads of the run that was added last.
    pub(super) fn run_payloads(&mut self, started: &'a [u8], outcome: Option<&'a [u8]>) {
        self.runs.started.put(&mut self.blobs, Some(started));
        self.runs.outcome.put(&mut self.blobs, outcome);
    }

    pub(super) fn event(&mut self, run: RunId, seq: u32, event: &'a NewEvent) {
        let (runs, seqs, kinds, payloads) = &mut self.events;
        runs.push(run.0);
        seqs.push(seq.into());
        kinds.push(event.kind);
        payloads.put(&mut self.blobs, Some(&event.payload));
    }

    /// An event stands for all before it, also for those that were added just now.
    pub(super) fn compact(&mut self, run: RunId, seq: u32) {
        let (runs, seqs, _, payloads) = &self.events;
        let places = runs.iter().zip(seqs).zip(&payloads.blob);
        let before = places.filter(|((of, before), _)| **of == run.0 && **before < i64::from(seq));
        self.released.extend(before.filter_map(|(_, blob)| blob.clone()));
        self.last_compacted.insert(run.0, seq.into());
    }

    pub(super) fn piece(&mut self, run: RunId, row: &'a StreamRow) {
        let (runs, attempts, seqs, values) = &mut self.pieces;
        runs.push(run.0);
        attempts.push(row.attempt.into());
        seqs.push(row.seq.into());
        values.put(&mut self.blobs, Some(&row.value));
    }

    pub(super) fn status(&mut self, run: RunId, change: &'a StatusChange) {
        self.last_status.insert(run.0, change);
    }

    pub(super) fn pin(&mut self, run: RunId, definition: i64) {
        self.last_pin.insert(run.0, definition);
    }

    pub(super) fn record(&mut self, source: i64, offset: Offset, record: &'a NewRecord) {
        self.records.source.push(source);
        self.records.offset.push(offset);
        self.records.put(&mut self.blobs, record);
    }

    pub(super) fn outgoing(&mut self, source: Option<i64>, record: &'a NewRecord) {
        self.outbox_sources.push(source);
        self.outbox.topic.push(&record.topic);
        self.outbox.put(&mut self.blobs, record);
    }

    /// `source` is that of the run.
    pub(super) fn message(&mut self, source: Option<i64>, message: &'a NewMessage) {
        self.messages.run.push(message.run.0);
        self.messages.source.push(source);
        self.messages.posted_at.push(message.at);
        self.messages.payload.push(&message.payload);
    }

    pub(super) fn received(&mut self, messages: &[i64]) {
        self.received.extend(messages);
    }

    pub(super) fn position(&mut self, source: i64, next: Offset) {
        self.last_position.insert(source, next);
    }

    pub(super) fn settle(&mut self, settle: &'a Settle) {
        for (first, last) in &settle.sent {
            self.sent.0.push(*first);
            self.sent.1.push(*last);
        }
        for (id, why) in &settle.refused {
            self.refused.0.push(*id);
            // The one character that text cannot hold.
            self.refused.1.push(why.replace('\0', "\u{fffd}"));
        }
    }

    pub(super) fn release(&mut self, blobs: impl IntoIterator<Item = Vec<u8>>) {
        self.released.extend(blobs);
    }

    /// Puts what was said last in columns.
    fn finish(&mut self) {
        for (run, change) in std::mem::take(&mut self.last_status) {
            self.states.run.push(run);
            self.states.status.push(change.status.name());
            self.states.wake_at.push(change.wake_at);
            self.states.finished_at.push(change.status.is_final().then_some(change.at));
            self.states.outcome.put(&mut self.blobs, change.outcome.as_deref());
        }
        self.compacted = std::mem::take(&mut self.last_compacted).into_iter().unzip();
        self.pins = std::mem::take(&mut self.last_pin).into_iter().unzip();
        self.positions = std::mem::take(&mut self.last_position).into_iter().unzip();
    }

    /// The statements that write it all, in order.
    pub(super) fn calls(&mut self) -> Vec<Call<'_>> {
        self.finish();
        let Self { blobs, runs, states, records, outbox, positions, sent, refused, released, .. } = &*self;
        let (event, piece, pins) = (&self.events, &self.pieces, &self.pins);
        let compacted = &self.compacted;
        let state: Given<'_> = vec![
            &states.run,
            &states.status,
            &states.wake_at,
            &states.finished_at,
            &states.outcome.inline,
            &states.outcome.blob,
        ];
        let mut record: Given<'_> = vec![&records.source, &records.offset];
        record.extend(records.given());
        let mut outgoing: Given<'_> = vec![&self.outbox_sources, &outbox.topic];
        outgoing.extend(outbox.given());
        let (messages, received) = (&self.messages, &self.received);
        let left: Given<'_> = vec![&messages.run, &messages.source, &messages.posted_at, &messages.payload];
        let all: [(&'static str, usize, Given<'_>); 16] = [
            (BLOBS, blobs.hash.len(), vec![&blobs.hash, &blobs.bytes]),
            (RUNS, runs.id.len(), runs.given()),
            (EVENTS, event.0.len(), vec![&event.0, &event.1, &event.2, &event.3.inline, &event.3.blob]),
            (COMPACT, compacted.0.len(), vec![&compacted.0, &compacted.1]),
            (PIECES, piece.0.len(), vec![&piece.0, &piece.1, &piece.2, &piece.3.inline, &piece.3.blob]),
            (STATES, states.run.len(), state),
            (PINS, pins.0.len(), vec![&pins.0, &pins.1]),
            (RECORDS, records.source.len(), record),
            (OUTBOX, outbox.topic.len(), outgoing),
            (POSITIONS, positions.0.len(), vec![&positions.0, &positions.1]),
            (SENT, sent.0.len(), vec![&sent.0, &sent.1]),
            (REFUSED, refused.0.len(), vec![&refused.0, &refused.1]),
            (INBOX, messages.run.len(), left),
            (RECEIVED, received.len(), vec![received]),
            (SEIZE, released.len(), vec![released]),
            (RELEASE, released.len(), vec![released]),
        ];
        let written = all.into_iter().filter(|(_, rows, _)| *rows > 0);
        written.map(|(sql, _, given)| Call::new(sql, given)).collect()
    }
}

impl<'a> Records<'a> {
    fn given(&self) -> Given<'_> {
        vec![&self.time, &self.key, &self.headers, &self.value.inline, &self.value.blob]
    }

    fn put(&mut self, blobs: &mut Blobs<'a>, record: &'a NewRecord) {
        self.time.push(record.time);
        self.key.push(record.key.as_deref());
        self.headers.push(headers::encode(&record.headers));
        self.value.put(blobs, record.value.as_deref());
    }
}

impl Runs<'_> {
    fn given(&self) -> Given<'_> {
        vec![
            &self.id,
            &self.status,
            &self.finished_at,
            &self.created_at,
            &self.public_id,
            &self.pathway,
            &self.definition,
            &self.subject,
            &self.source,
            &self.offset,
            &self.lane,
            &self.correlation,
            &self.dedupe_id,
            &self.key,
            &self.input_hash,
            &self.parent,
            &self.started.inline,
            &self.started.blob,
            &self.outcome.inline,
            &self.outcome.blob,
            &self.rerun_of,
        ]
    }
}
