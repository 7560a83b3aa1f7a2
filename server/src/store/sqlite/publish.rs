//! Records of the embedded bus.

use rusqlite::params;

use super::blob::Stored;
use super::outbox;
use super::tail::Published;
use super::writer::{Change, Context};
use crate::store::watch::Subject;
use crate::store::{NewRecord, Offset, Outlet, StoreError, headers};

/// Records to publish.
pub(super) struct Publish(pub(super) Vec<NewRecord>);

impl Change for Publish {
    type Output = Vec<Offset>;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<Self::Output, StoreError> {
        insert(context, &self.0)
    }
}

/// Publishes what runs send: on a topic here, or through the outbox. One offset per record, where
/// it is known. `source` is that of the run.
pub(super) fn send(
    context: &mut Context<'_>,
    records: &[NewRecord],
    source: Option<i64>,
) -> Result<Vec<Offset>, StoreError> {
    match context.outlet {
        Outlet::Topics => insert(context, records),
        Outlet::Outbox => outbox::insert(context, records, source).map(|()| Vec::new()),
    }
}

/// Inserts records at the ends of their topics.
fn insert(context: &mut Context<'_>, records: &[NewRecord]) -> Result<Vec<Offset>, StoreError> {
    let connection = context.connection;
    let mut offsets = Vec::with_capacity(records.len());
    for run in records.chunk_by(|one, next| one.topic == next.topic) {
        let Some(first) = run.first() else { continue };
        let (source, end) = context.ends.extend(connection, &first.topic, run.len())?;
        let mut insert = connection.prepare_cached(
            r#"INSERT INTO record (source, "offset", time, "key", headers, value, value_blob)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"#,
        )?;
        for (offset, record) in (end..).zip(run) {
            let value = Stored::put_option(connection, record.value.as_deref())?;
            insert.execute(params![
                source,
                offset,
                record.time,
                record.key,
                headers::encode(&record.headers),
                value.inline(),
                value.blob(),
            ])?;
            offsets.push(offset);
        }
        let subject = Subject::Topic(first.topic.clone());
        let records = context.hub.is_watched(&subject).then(|| run.to_vec());
        context.published.push(Published { topic: first.topic.clone(), from: end, records });
        context.changed.push(subject.into());
    }
    Ok(offsets)
}
