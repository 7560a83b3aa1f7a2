//! What has to be known of the store before a batch of changes can be planned.
//!
//! One round trip asks for all of it. While the batch is planned, what each change adds is known
//! to those after it.

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio_postgres::{Error, Row};

use super::change::Change;
use super::claims::{self, Claims};
use super::decode::{self, text};
use super::session::{Call, Session};
use crate::bus::EMBEDDED_PARTITION;
use crate::store::{Epoch, NewRun, Offset, Outlet, Proof, RunId, Status};

/// Begins a transaction.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const NUMBERS: &str = "SELECT nextval('run_id') FROM generate_series(1, $1::bigint)";
const DEFINITIONS: &str = "SELECT digest, id FROM definition WHERE digest = ANY($1::text[])";
/// Nobody forgets these runs before what is left for them is committed; one that somebody is about to forget
/// is gone when this has been answered.
const LASTING: &str = "SELECT FROM run WHERE id = ANY($1::bigint[]) ORDER BY id FOR KEY SHARE";
const HEADS: &str = "SELECT id, public_id, status, outcome_blob,
        (SELECT coalesce(max(seq) + 1, 1) FROM event WHERE run = run.id), source
    FROM run WHERE id = ANY($1::bigint[])";
/// Blobs of events that are about to be compacted.
const COMPACTED: &str = "SELECT run, payload_blob FROM event
    WHERE run = ANY($1::bigint[]) AND payload_blob IS NOT NULL";
const SOURCES: &str = r#"SELECT topic, "partition", id, next_offset,
        (SELECT coalesce(max("offset") + 1, 0) FROM record WHERE source = source.id)
    FROM unnest($1::text[], $2::int[]) AS wanted(topic, "partition") JOIN source USING (topic, "partition")"#;
/// What was said under an earlier epoch is over when this has been answered, and nobody takes over
/// what is written to before that is committed.
const EPOCHS: &str = r#"SELECT topic, "partition", epoch FROM source
    WHERE (topic, "partition") IN (SELECT * FROM unnest($1::text[], $2::int[])) ORDER BY id FOR SHARE"#;
const NEW_SOURCES: &str = r#"INSERT INTO source (topic, "partition") SELECT * FROM unnest($1::text[], $2::int[])
    ON CONFLICT DO NOTHING"#;
const PIECES: &str = "SELECT run, attempt, seq FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
    AS wanted(run, attempt, seq) JOIN stream USING (run, attempt, seq)";
const SENT: &str = "SELECT value_blob FROM unnest($1::bigint[], $2::bigint[]) AS sent(first, last)
    JOIN outbox ON id BETWEEN first AND last WHERE refused IS NULL AND value_blob IS NOT NULL";

macro_rules! select_twin {
    ($rest:literal) => {
        concat!(
            r#"SELECT run.id, run.public_id, run.pathway, run.source, run."offset", run.dedupe_id,
                      run.idempotency_key, run.subject, run.input_hash FROM "#,
            $rest
        )
    };
}
const BY_ID: &str = select_twin!("run WHERE public_id = ANY($1::bytea[])");
const BY_POSITION: &str = select_twin!(
    r#"unnest($1::text[], $2::int[], $3::bigint[], $4::text[]) AS wanted(topic, "partition", "offset", pathway)
       JOIN source USING (topic, "partition")
       JOIN run ON run.source = source.id AND run."offset" = wanted."offset" AND run.pathway = wanted.pathway"#
);
const BY_DEDUPE_ID: &str = select_twin!(
    "unnest($1::text[], $2::bytea[]) AS wanted(pathway, id)
     JOIN run ON run.pathway = wanted.pathway AND sha256(run.dedupe_id) = sha256(wanted.id)
         AND run.dedupe_id IS NOT NULL"
);
const BY_KEY: &str = select_twin!(
    "unnest($1::text[], $2::bytea[], $3::bytea[]) AS wanted(pathway, key, subject)
     JOIN run ON run.pathway = wanted.pathway AND sha256(run.idempotency_key) = sha256(wanted.key)
         AND sha256(coalesce(run.subject, '')) = sha256(wanted.subject) AND run.idempotency_key IS NOT NULL"
);

/// A run that is appended to.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) public_id: String,
    pub(super) status: Status,
    pub(super) outcome_blob: Option<Vec<u8>>,
    pub(super) next: u32,
    pub(super) source: Option<i64>,
}

/// A partition of a topic.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) id: i64,
    /// The next offset to admit.
    pub(super) next: Option<Offset>,
    /// The next offset to publish.
    pub(super) end: Offset,
}

/// A run that stands in another's way.
#[derive(Debug, Clone)]
pub(super) struct Twin {
    pub(super) id: RunId,
    pub(super) public_id: String,
    pub(super) input_hash: Option<Vec<u8>>,
}

/// Runs, by all in which another may be the same.
#[derive(Debug, Default)]
pub(super) struct Twins {
    pub(super) by_id: HashMap<String, Twin>,
    /// Source, offset, pathway.
    pub(super) by_position: HashMap<(i64, Offset, String), Twin>,
    /// Pathway, dedupe id.
    pub(super) by_dedupe_id: HashMap<(String, String), Twin>,
    /// Pathway, key, subject.
    pub(super) by_key: HashMap<(String, String, String), Twin>,
}

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Numbers for new runs, the next one last.
    pub(super) numbers: Vec<i64>,
    pub(super) definitions: HashMap<String, i64>,
    pub(super) heads: HashMap<RunId, Head>,
    pub(super) sources: HashMap<(String, i32), Source>,
    /// Of the partitions that somebody claims to own.
    pub(super) epochs: HashMap<(String, i32), Epoch>,
    /// Run, attempt, seq.
    pub(super) pieces: HashSet<(RunId, u32, u32)>,
    pub(super) twins: Twins,
    pub(super) claims: Claims,
    /// Blobs of records that leave the outbox.
    pub(super) sent: Vec<Vec<u8>>,
    /// Blobs of the journals of runs that are compacted.
    pub(super) journals: HashMap<RunId, Vec<Vec<u8>>>,
}

/// Notes a row of an answer.
type Note = fn(&mut Known, &Row) -> Result<(), Error>;

/// What has to be asked for.
#[derive(Debug, Default)]
struct Wanted<'a> {
    runs: i64,
    digests: BTreeSet<&'a str>,
    /// Runs for which something is left.
    told: Vec<i64>,
    heads: Vec<i64>,
    sources: BTreeSet<(&'a str, i32)>,
    epochs: BTreeSet<(&'a str, i32)>,
    pieces: (Vec<i64>, Vec<i64>, Vec<i64>),
    ids: Vec<&'a [u8]>,
    positions: (Vec<&'a str>, Vec<i32>, Vec<Offset>, Vec<&'a str>),
    dedupe_ids: (Vec<&'a str>, Vec<&'a [u8]>),
    keys: (Vec<&'a str>, Vec<&'a [u8]>, Vec<&'a [u8]>),
    claims: claims::Wanted<'a>,
    sent: (Vec<i64>, Vec<i64>),
    compacted: Vec<i64>,
}

impl<'a> Wanted<'a> {
    fn change(&mut self, change: &'a Change, outlet: Outlet) {
        match change {
            Change::Admit(admit) => {
                self.sources.insert((&admit.topic, admit.partition));
                self.proof(&admit.proof);
                let owned = admit.proof.iter().filter(|_| admit.runs.iter().any(|run| run.offset.is_none()));
                self.sources.extend(owned.map(|tenure| (tenure.home.topic.as_str(), tenure.home.partition)));
                for run in &admit.runs {
                    self.run(run, Some((&admit.topic, admit.partition)), outlet);
                }
            }
            Change::Append(append) => {
                self.heads.push(append.run.0);
                self.compacted.extend(append.compacts.then_some(append.run.0));
                self.proof(&append.proof);
                append.children.iter().for_each(|child| self.run(child, None, outlet));
                self.digests.extend(append.definition.as_deref());
                self.topics(&append.records, outlet);
                self.pieces(append.run, &append.stream);
                self.claims.append(append);
            }
            Change::Stream { run, rows } => {
                self.heads.push(run.0);
                self.pieces(*run, rows);
            }
            Change::Publish(records) => self.topics(records, Outlet::Topics),
            Change::Settle(settle) => {
                let (firsts, lasts): (Vec<_>, Vec<_>) = settle.sent.iter().copied().unzip();
                self.sent.0.extend(firsts);
                self.sent.1.extend(lasts);
            }
            Change::Post(message) => {
                self.told.push(message.run.0);
                self.heads.push(message.run.0);
            }
            Change::Discard(_)
            | Change::Define { .. }
            | Change::Tick { .. }
            | Change::SetAtWork { .. }
            | Change::TakeUp(_)
            | Change::PutDown(_)
            | Change::Prune(_)
            | Change::TakeOver(_) => {}
        }
    }

    fn proof(&mut self, proof: &'a Proof) {
        let homes = proof.iter().map(|tenure| (tenure.home.topic.as_str(), tenure.home.partition));
        self.epochs.extend(homes);
    }

    fn run(&mut self, run: &'a NewRun, source: Option<(&'a str, i32)>, outlet: Outlet) {
        self.runs += 1;
        self.digests.insert(&run.digest);
        self.ids.push(run.public_id.as_bytes());
        if let (Some((topic, partition)), Some(offset)) = (source, run.offset) {
            self.positions.0.push(topic);
            self.positions.1.push(partition);
            self.positions.2.push(offset);
            self.positions.3.push(&run.pathway);
        }
        if let Some(id) = &run.dedupe_id {
            self.dedupe_ids.0.push(&run.pathway);
            self.dedupe_ids.1.push(id.as_bytes());
        }
        if let Some(idempotency) = &run.idempotency {
            self.keys.0.push(&run.pathway);
            self.keys.1.push(idempotency.key.as_bytes());
            self.keys.2.push(run.subject.as_deref().unwrap_or_default().as_bytes());
        }
        self.topics(&run.records, outlet);
    }

    fn topics(&mut self, records: &'a [crate::store::NewRecord], outlet: Outlet) {
        if outlet == Outlet::Topics {
            self.sources.extend(records.iter().map(|record| (record.topic.as_str(), EMBEDDED_PARTITION)));
        }
    }

    fn pieces(&mut self, run: RunId, rows: &[crate::store::StreamRow]) {
        for row in rows {
            self.pieces.0.push(run.0);
            self.pieces.1.push(row.attempt.into());
            self.pieces.2.push(row.seq.into());
        }
    }
}

impl Known {
    /// Begins a transaction and asks for what these changes need.
    pub(super) async fn load<'a>(
        session: &mut Session,
        changes: impl Iterator<Item = &'a Change>,
        outlet: Outlet,
    ) -> Result<Self, Error> {
        let mut wanted = Wanted::default();
        changes.for_each(|change| wanted.change(change, outlet));
        let digests: Vec<&str> = wanted.digests.iter().copied().collect();
        let (topics, partitions): (Vec<&str>, Vec<i32>) = wanted.sources.iter().copied().unzip();
        let (owned_topics, owned_partitions): (Vec<&str>, Vec<i32>) = wanted.epochs.iter().copied().unzip();
        let Wanted { runs, heads, pieces, ids, positions, dedupe_ids, keys, claims, sent, compacted, .. } =
            &wanted;

        let mut known = Self::default();
        // What is asked for, and where the answer goes.
        let mut calls: Vec<(Call<'_>, Note)> = vec![(Call::plain(BEGIN), |_, _| Ok(()))];
        // First of all: the rest is then as the owner before left it.
        if !owned_topics.is_empty() {
            calls.push((Call::new(EPOCHS, vec![&owned_topics, &owned_partitions]), Self::epoch));
        }
        if *runs > 0 {
            calls.push((Call::new(NUMBERS, vec![runs]), Self::number));
            calls.push((Call::new(BY_ID, vec![ids]), Self::twin));
        }
        if !digests.is_empty() {
            calls.push((Call::new(DEFINITIONS, vec![&digests]), Self::definition));
        }
        if !wanted.told.is_empty() {
            calls.push((Call::new(LASTING, vec![&wanted.told]), |_, _| Ok(())));
        }
        if !heads.is_empty() {
            calls.push((Call::new(HEADS, vec![heads]), Self::head));
        }
        if !compacted.is_empty() {
            calls.push((Call::new(COMPACTED, vec![compacted]), Self::journal));
        }
        if !topics.is_empty() {
            calls.push((Call::new(SOURCES, vec![&topics, &partitions]), Self::source));
        }
        if !pieces.0.is_empty() {
            calls.push((Call::new(PIECES, vec![&pieces.0, &pieces.1, &pieces.2]), Self::piece));
        }
        if !positions.0.is_empty() {
            let given: super::session::Given<'_> =
                vec![&positions.0, &positions.1, &positions.2, &positions.3];
            calls.push((Call::new(BY_POSITION, given), Self::twin));
        }
        if !dedupe_ids.0.is_empty() {
            calls.push((Call::new(BY_DEDUPE_ID, vec![&dedupe_ids.0, &dedupe_ids.1]), Self::twin));
        }
        if !keys.0.is_empty() {
            calls.push((Call::new(BY_KEY, vec![&keys.0, &keys.1, &keys.2]), Self::twin));
        }
        if !claims.locks.is_empty() {
            calls.push((Call::new(claims::LOCKS, vec![&claims.locks]), |_, _| Ok(())));
        }
        if !claims.keys.is_empty() {
            let given: super::session::Given<'_> = vec![&claims.pathways, &claims.steps, &claims.keys];
            calls.push((Call::new(claims::BY_KEY, given), Self::claim));
        }
        if !claims.runs.is_empty() {
            calls.push((Call::new(claims::BY_RUN, vec![&claims.runs]), Self::claim));
        }
        if !sent.0.is_empty() {
            calls.push((Call::new(SENT, vec![&sent.0, &sent.1]), Self::blob));
        }
        let (calls, notes): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        for (rows, note) in session.pipeline(calls).await?.iter().zip(notes) {
            rows.iter().try_for_each(|row| note(&mut known, row))?;
        }
        // The next one is taken from the end.
        known.numbers.sort_unstable_by(|one, other| other.cmp(one));
        if known.sources.len() < topics.len() {
            session.query(NEW_SOURCES, vec![&topics, &partitions]).await?;
            for row in session.query(SOURCES, vec![&topics, &partitions]).await? {
                known.source(&row)?;
            }
        }
        Ok(known)
    }

    fn number(&mut self, row: &Row) -> Result<(), Error> {
        self.numbers.push(row.try_get(0)?);
        Ok(())
    }

    fn definition(&mut self, row: &Row) -> Result<(), Error> {
        self.definitions.insert(row.try_get(0)?, row.try_get(1)?);
        Ok(())
    }

    fn head(&mut self, row: &Row) -> Result<(), Error> {
        let head = Head {
            public_id: text(row, 1)?.unwrap_or_default(),
            status: decode::status(row, 2)?,
            outcome_blob: row.try_get(3)?,
            next: decode::number(row, 4)?,
            source: row.try_get(5)?,
        };
        self.heads.insert(RunId(row.try_get(0)?), head);
        Ok(())
    }

    fn source(&mut self, row: &Row) -> Result<(), Error> {
        let source = Source { id: row.try_get(2)?, next: row.try_get(3)?, end: row.try_get(4)? };
        self.sources.insert((row.try_get(0)?, row.try_get(1)?), source);
        Ok(())
    }

    fn epoch(&mut self, row: &Row) -> Result<(), Error> {
        self.epochs.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
        Ok(())
    }

    fn piece(&mut self, row: &Row) -> Result<(), Error> {
        self.pieces.insert((RunId(row.try_get(0)?), decode::number(row, 1)?, decode::number(row, 2)?));
        Ok(())
    }

    fn claim(&mut self, row: &Row) -> Result<(), Error> {
        self.claims.found(row)
    }

    fn journal(&mut self, row: &Row) -> Result<(), Error> {
        self.journals.entry(RunId(row.try_get(0)?)).or_default().push(row.try_get(1)?);
        Ok(())
    }

    fn blob(&mut self, row: &Row) -> Result<(), Error> {
        self.sent.push(row.try_get(0)?);
        Ok(())
    }

    fn twin(&mut self, row: &Row) -> Result<(), Error> {
        let twin = Twin {
            id: RunId(row.try_get(0)?),
            public_id: text(row, 1)?.unwrap_or_default(),
            input_hash: row.try_get(8)?,
        };
        let position = row.try_get::<_, Option<i64>>(3)?.zip(row.try_get(4)?);
        let key = text(row, 6)?.map(|key| Ok::<_, Error>((key, text(row, 7)?.unwrap_or_default())));
        self.twins.add(&twin, row.try_get(2)?, position, text(row, 5)?, key.transpose()?);
        Ok(())
    }
}

impl Twins {
    /// Notes a run that is there.
    pub(super) fn add(
        &mut self,
        twin: &Twin,
        pathway: &str,
        position: Option<(i64, Offset)>,
        dedupe_id: Option<String>,
        key: Option<(String, String)>,
    ) {
        self.by_id.insert(twin.public_id.clone(), twin.clone());
        if let Some((source, offset)) = position {
            self.by_position.insert((source, offset, pathway.to_owned()), twin.clone());
        }
        if let Some(id) = dedupe_id {
            self.by_dedupe_id.insert((pathway.to_owned(), id), twin.clone());
        }
        if let Some((key, subject)) = key {
            self.by_key.insert((pathway.to_owned(), key, subject), twin.clone());
        }
    }
}
