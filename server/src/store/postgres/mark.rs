//! What a process has committed last: a number in a row of its own, which each of its transactions
//! raises. So it learns what became of one whose commit was not answered.
//!
//! The server's own numbers of transactions would not do: what a server had given out and not written
//! down when it crashed, it gives out again, to others.

use tokio_postgres::{Client, Error};

use super::session::Call;

/// Held by the session of a process, and by none that comes after it before that has ended.
const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended('pathway process ' || $1::text, 0))";
const BEGIN: &str = "INSERT INTO writer (process, number) VALUES ($1, 0)";
const FORGET: &str = "DELETE FROM writer WHERE seen < now() - interval '1 day'
    AND pg_try_advisory_xact_lock(hashtextextended('pathway process ' || process, 0))";
const RAISE: &str = "UPDATE writer SET number = $2, seen = now() WHERE process = $1";
const FIND: &str = "SELECT number FROM writer WHERE process = $1";

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    /// The server does not remember.
    Forgotten,
}

/// The mark of a process.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    process: String,
    /// Of its last transaction.
    pub(super) number: i64,
}

impl Mark {
    /// That of a process which has written nothing yet.
    pub(super) async fn begin(client: &Client) -> Result<Self, Error> {
        let mark = Self { process: uuid::Uuid::new_v4().simple().to_string(), number: 0 };
        client.execute(BEGIN, &[&mark.process]).await?;
        client.execute(FORGET, &[]).await?;
        Ok(mark)
    }

    /// Lets this session alone write under the mark, once the one before it has ended.
    pub(super) async fn hold(&self, client: &Client) -> Result<(), Error> {
        client.execute(LOCK, &[&self.process]).await.map(drop)
    }

    /// What raises it, in the transaction that is to be known by it.
    pub(super) fn raise(&self) -> Call<'_> {
        Call::new(RAISE, vec![&self.process, &self.number])
    }

    /// What became of the transaction of that number, the last of a session that has ended.
    pub(super) async fn fate(&self, client: &Client, number: i64) -> Result<Fate, Error> {
        let found = client.query_opt(FIND, &[&self.process]).await?;
        Ok(match found.map(|row| row.get::<_, i64>(0)) {
            Some(found) if found == number => Fate::Committed,
            Some(found) if found < number => Fate::Aborted,
            _ => Fate::Forgotten,
        })
    }
}
