//! Turning records into runs.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::blob::{self, Stored};
use super::heads::Head;
use super::writer::{Change, Context};
use super::{append, inbox, publish, source};
use crate::store::watch::{News, Notice, Subject};
use crate::store::{Admission, Admit, Conflict, DuplicateOf, NewRun, Offset, RunId, StoreError};

impl Change for Admit {
    type Output = Vec<Admission>;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Self::Output, StoreError> {
        source::expect_owner(context.connection, self.proof.as_deref())?;
        let source = source::id(context.connection, &self.topic, self.partition)?;
        if let Some(found) = source::next_offset(context.connection, source)?
            && found != self.from_offset
        {
            return Err(Conflict::Offset {
                topic: self.topic.clone(),
                partition: self.partition,
                expected: self.from_offset,
                found,
            }
            .into());
        }
        source::move_to(context.connection, source, self.next_offset)?;
        inbox::delete(context.connection, &self.received)?;
        let owned = match &self.proof {
            Some(tenure) => source::find(context.connection, &tenure.home.topic, tenure.home.partition)?,
            None => None,
        };
        let origin = Origin::Source(source, owned);
        let mut insertion = Insertion::new(context.connection)?;
        self.runs.iter().map(|run| insertion.insert(context, run, origin)).collect()
    }
}

/// What made a run.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// A partition, and the one that is proven to be owned.
    Source(i64, Option<i64>),
    /// A run, and its source.
    Parent(RunId, Option<i64>),
}

/// Inserts runs, most of which are of one definition.
pub(super) struct Insertion<'c> {
    connection: &'c Connection,
    statement: CachedStatement<'c>,
    /// The definition that was last asked for, with its id.
    definition: Option<(String, i64)>,
}

impl<'c> Insertion<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let statement = connection.prepare_cached(
            r#"INSERT INTO run (status, finished_at, created_at, public_id, pathway, definition, subject,
                   source, "offset", lane, correlation, dedupe_id, idempotency_key, input_hash, parent,
                   started, started_blob, outcome, outcome_blob, rerun_of)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                   ?20)
               ON CONFLICT DO NOTHING"#,
        )?;
        Ok(Self { connection, statement, definition: None })
    }

    /// Inserts a run unless it is there.
    pub(super) fn insert(
        &mut self,
        context: &mut Context<'_>,
        run: &NewRun,
        origin: Origin,
    ) -> Result<Admission, StoreError> {
        context.changed.extend(run.correlation.clone().map(|id| Notice::from(Subject::Run(id))));
        let subject = Subject::Run(run.public_id.clone());
        let definition = self.definition(&run.digest)?;
        let connection = self.connection;
        let (offset, source, parent) = match origin {
            Origin::Source(source, owned) => (run.offset, run.offset.map_or(owned, |_| Some(source)), None),
            Origin::Parent(parent, source) => (None, source, Some(parent.0)),
        };
        let started = Stored::put(connection, &run.started)?;
        let outcome = Stored::put_option(connection, run.outcome.as_deref())?;
        let inserted = self.statement.execute(params![
            run.status.name(),
            run.status.is_final().then_some(run.at),
            run.at,
            run.public_id,
            run.pathway,
            definition,
            run.subject,
            source,
            offset,
            run.lane,
            run.correlation,
            run.dedupe_id,
            run.idempotency.as_ref().map(|idempotency| &idempotency.key),
            run.idempotency.as_ref().map(|idempotency| &idempotency.input_hash),
            parent,
            started.inline(),
            started.blob(),
            outcome.inline(),
            outcome.blob(),
            run.rerun_of,
        ])?;
        if inserted == 1 {
            let id = RunId(connection.last_insert_rowid());
            append::insert_stream(connection, id, &run.stream)?;
            publish::send(context, &run.records, source)?;
            context.changed.push(Notice::new(subject, News::of(run.status, run.outcome.as_deref())));
            let (public_id, status) = (run.public_id.clone(), run.status);
            context.heads.keep(id, Head { public_id, status, source, next: 1 });
            return Ok(Admission::Inserted(id));
        }
        context.changed.push(subject.into());
        blob::release(connection, started.blob().into_iter().chain(outcome.blob()))?;
        Ok(find_duplicate(connection, run, source.zip(offset))?)
    }

    /// The id of a definition.
    fn definition(&mut self, digest: &str) -> Result<i64, StoreError> {
        if let Some((known, id)) = &self.definition
            && known == digest
        {
            return Ok(*id);
        }
        let id = self
            .connection
            .prepare_cached("SELECT id FROM definition WHERE digest = ?1")?
            .query_row(params![digest], |row| row.get(0))
            .optional()?
            .ok_or_else(|| Conflict::UnknownDefinition(digest.to_owned()))?;
        self.definition = Some((digest.to_owned(), id));
        Ok(id)
    }
}

/// The run that stood in the way.
fn find_duplicate(
    connection: &Connection,
    run: &NewRun,
    position: Option<(i64, Offset)>,
) -> rusqlite::Result<Admission> {
    let (source, offset) = position.unzip();
    let key = run.idempotency.as_ref().map(|idempotency| &idempotency.key);
    let hash = run.idempotency.as_ref().map(|idempotency| &idempotency.input_hash);
    connection
        .prepare_cached(
            r#"SELECT id, public_id, 'position', 1 FROM run
                   WHERE source = ?1 AND "offset" = ?2 AND pathway = ?3
               UNION ALL SELECT id, public_id, 'id', 1 FROM run
                   WHERE public_id = ?4
               UNION ALL SELECT id, public_id, 'dedupe', 1 FROM run
                   WHERE pathway = ?3 AND dedupe_id = ?5
               UNION ALL SELECT id, public_id, 'idempotency', input_hash = ?8 FROM run
                   WHERE pathway = ?3 AND idempotency_key = ?6 AND ifnull(subject, '') = ifnull(?7, '')
               LIMIT 1"#,
        )?
        .query_row(
            params![source, offset, run.pathway, run.public_id, run.dedupe_id, key, run.subject, hash],
            |row| {
                let of = match row.get_ref(2)?.as_str()? {
                    "position" => DuplicateOf::Position,
                    "id" => DuplicateOf::PublicId,
                    "dedupe" => DuplicateOf::DedupeId,
                    _ => DuplicateOf::IdempotencyKey { same_input: row.get(3)? },
                };
                Ok(Admission::Duplicate { run: RunId(row.get(0)?), public_id: row.get(1)?, of })
            },
        )
}
