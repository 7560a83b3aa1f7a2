//! Taking partitions over, and messages for runs.

use rusqlite::{Connection, params};

use super::append;
use super::source;
use super::writer::{Change, Context};
use crate::store::watch::Subject;
use crate::store::{Epoch, Home, Message, NewMessage, RunId, StoreError};

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
        if self.even_if_finished {
            append::expect_known(context.connection, self.run)?;
        } else {
            append::expect_unfinished(context.connection, self.run)?;
        }
        context
            .connection
            .prepare_cached("INSERT INTO inbox (run, payload) VALUES (?1, ?2)")?
            .execute(params![self.run.0, self.payload])?;
        context.changed.push(Subject::Inbox.into());
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

/// Messages after one of them.
pub(super) fn after(connection: &Connection, after: i64, limit: u32) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(
            r#"SELECT inbox.id, inbox.run, run.public_id, source.topic, source."partition", inbox.payload
               FROM inbox JOIN run ON run.id = inbox.run LEFT JOIN source ON source.id = run.source
               WHERE inbox.id > ?1 ORDER BY inbox.id LIMIT ?2"#,
        )?
        .query_map(params![after, limit], |row| {
            let topic: Option<String> = row.get(3)?;
            let home = match topic {
                Some(topic) => Some(Home { topic, partition: row.get(4)? }),
                None => None,
            };
            Ok(Message {
                id: row.get(0)?,
                run: RunId(row.get(1)?),
                public_id: row.get(2)?,
                home,
                payload: row.get(5)?,
            })
        })?
        .collect()
}
