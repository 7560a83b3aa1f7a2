//! The schema and its history.
//!
//! Migration `n` leads from schema version `n - 1` to `n`. Published ones never change. A store
//! that a newer version wrote is refused: an older one would not keep its rules. Processes that
//! start at once migrate in turn.

use tokio_postgres::{Client, Error};

use super::cannot_open;
use super::session::Described;
use crate::store::StoreError;

const MIGRATIONS: [&str; 8] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
];

/// The oldest that we have tried.
const OLDEST_SERVER: i32 = 130_000;

/// Brings the schema up to date; the store's id.
pub(super) async fn migrate(client: &mut Client, place: &str) -> Result<String, StoreError> {
    let failed = |error| cannot_open(place, Described::from(error));
    let server =
        client.query_one("SELECT current_setting('server_version_num')::int, current_schema()::text", &[]);
    let server = server.await.map_err(failed)?;
    if server.get::<_, i32>(0) < OLDEST_SERVER {
        return Err(cannot_open(place, Unfit("PostgreSQL 13 or newer is needed")));
    }
    if server.get::<_, Option<String>>(1).is_none() {
        return Err(cannot_open(place, Unfit("there is no schema in the search path")));
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = upgrade(client, known).await.map_err(failed)?;
    if found > known {
        return Err(StoreError::Newer { place: place.to_owned(), found, known });
    }
    let id = client.query_one("SELECT value FROM meta WHERE name = 'store_id'", &[]).await.map_err(failed)?;
    Ok(id.get(0))
}

/// The version that was found.
async fn upgrade(client: &mut Client, known: i64) -> Result<i64, Error> {
    let transaction = client.transaction().await?;
    // Until the end of the transaction, and for this schema alone.
    transaction
        .execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('pathway migration ' || current_schema(), 0))",
            &[],
        )
        .await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        .await?;
    let found = transaction
        .query_opt("SELECT value::bigint FROM meta WHERE name = 'schema_version'", &[])
        .await?
        .map_or(0, |row| row.get::<_, i64>(0));
    if found >= known {
        return Ok(found);
    }
    for (version, migration) in (1..).zip(MIGRATIONS) {
        if version > found {
            transaction.batch_execute(migration).await?;
        }
    }
    transaction
        .execute(
            "INSERT INTO meta VALUES ('schema_version', $1::bigint::text)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[&known],
        )
        .await?;
    transaction.commit().await?;
    Ok(found)
}

/// What a server lacks.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unfit(&'static str);
