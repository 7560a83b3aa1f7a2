//! Taking partitions over, and messages for runs.

use rusqlite::{Connection, Params, Row, params};

use super::source;
use super::writer::{Change, Context};
use crate::store::watch::Subject;
use crate::store::{Epoch, Home, Mark, Message, Most, NewMessage, Page, RunId, StoreError, Unreceived};

/// A partition whose runs are taken over.
pub(super) struct TakeOver(pub(super) Home);

impl Change for TakeOver {
    type Output = Epoch;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Epoch, StoreError> {
        let source = source::id(context.connection, &self.0.topic, self.0.partition)?;
        Ok(source::take_over(context.connection, source)?)
    }
}

impl Change for NewMessage {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        let head = match self.even_if_finished {
            true => context.heads.take(context.connection, self.run)?,
            false => context.heads.take_unfinished(context.connection, self.run)?,
        };
        context
            .connection
            .prepare_cached("INSERT INTO inbox (run, source, posted_at, payload) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.run.0, head.source, self.at, self.payload])?;
        context.changed.push(Subject::Inbox.into());
        context.heads.keep(self.run, head);
        Ok(())
    }
}

/// Messages that reach nobody.
pub(super) struct Discard(pub(super) Vec<i64>);

impl Change for Discard {
    type Output = ();

    fn apply(&mut self, context: &mut Context<'_>) -> Result<(), StoreError> {
        Ok(delete(context.connection, &self.0)?)
    }
}

/// Forgets messages.
pub(super) fn delete(connection: &Connection, messages: &[i64]) -> rusqlite::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut delete = connection.prepare_cached("DELETE FROM inbox WHERE id = ?1")?;
    messages.iter().try_for_each(|id| delete.execute(params![id]).map(drop))
}

macro_rules! select_message {
    ($rest:literal) => {
        concat!(
            r#"SELECT inbox.id, inbox.run, run.public_id, source.topic, source."partition", inbox.posted_at, inbox.payload
               FROM inbox LEFT JOIN run ON run.id = inbox.run LEFT JOIN source ON source.id = inbox.source "#,
            $rest
        )
    };
}

/// Messages of partitions, or all.
pub(super) fn page(
    connection: &Connection,
    homes: Option<&[Home]>,
    after: Mark,
    most: Most,
) -> rusqlite::Result<Page> {
    let Some(homes) = homes else {
        let sql = select_message!("WHERE inbox.id > ?1 ORDER BY inbox.id LIMIT ?2");
        let messages = read(connection, sql, most, params![after.id, most.messages])?;
        return Ok(Page { messages, settled: Mark::END });
    };
    let mut messages = Vec::new();
    for home in homes {
        let Some(source) = source::find(connection, &home.topic, home.partition)? else { continue };
        let sql = select_message!("WHERE inbox.source = ?3 AND inbox.id > ?1 ORDER BY inbox.id LIMIT ?2");
        messages.extend(read(connection, sql, most, params![after.id, most.messages, source])?);
    }
    messages.sort_unstable_by_key(Message::mark);
    Ok(Page { messages: most.of(messages), settled: Mark::END })
}

/// Messages of a run.
pub(super) fn of(
    connection: &Connection,
    run: RunId,
    after: Mark,
    most: Most,
) -> rusqlite::Result<Vec<Message>> {
    let sql = select_message!("WHERE inbox.run = ?3 AND inbox.id > ?1 ORDER BY inbox.id LIMIT ?2");
    read(connection, sql, most, params![after.id, most.messages, run.0])
}

fn read(
    connection: &Connection,
    sql: &str,
    most: Most,
    given: impl Params,
) -> rusqlite::Result<Vec<Message>> {
    let message = |row: &Row<'_>| {
        let topic: Option<String> = row.get(3)?;
        let home = match topic {
            Some(topic) => Some(Home { topic, partition: row.get(4)? }),
            None => None,
        };
        Ok(Message {
            id: row.get(0)?,
            change: 0,
            run: RunId(row.get(1)?),
            public_id: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            home,
            at: row.get(5)?,
            payload: row.get(6)?,
        })
    };
    let mut fits = most.fits();
    let mut statement = connection.prepare_cached(sql)?;
    let read = statement.query_map(given, message)?;
    read.take_while(|read| read.as_ref().map_or(true, &mut fits)).collect()
}

/// How many there are of the first so many.
pub(super) fn unreceived(connection: &Connection, most: u32) -> rusqlite::Result<Unreceived> {
    connection
        .prepare_cached(
            "SELECT count(*), min(posted_at) FROM (SELECT posted_at FROM inbox ORDER BY id LIMIT ?1)",
        )?
        .query_row(params![most], |row| {
            Ok(Unreceived { messages: row.get::<_, i64>(0)?.unsigned_abs(), oldest: row.get(1)? })
        })
}
