//! The writer of a process: it commits what has come, all at once, and then says so. In between its
//! process may die, or lose the store out of sight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Database;
use crate::happening::Fault;
use crate::life::{Dead, Life};

/// Changes that are committed together.
const BATCH: usize = 64;

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Committed,
    /// It is committed, and nobody is told.
    Unknown,
    /// It is not, and nobody is told.
    Lost,
    Away,
}

/// A change; it answers by what it returns.
pub(crate) type Write = Box<dyn FnOnce(&Database, &Life, Fate) -> Box<dyn FnOnce() + Send> + Send>;

/// Writes what comes until the process ends.
pub(crate) async fn write(
    database: Arc<Database>,
    life: Arc<Life>,
    mut writes: mpsc::UnboundedReceiver<Write>,
) {
    let _dead = write_all(&database, &life, &mut writes).await;
}

async fn write_all(
    database: &Database,
    life: &Life,
    writes: &mut mpsc::UnboundedReceiver<Write>,
) -> Result<(), Dead> {
    let world = &life.world;
    loop {
        let Some(first) = life.until(writes.recv()).await? else { return Ok(()) };
        let mut batch = vec![first];
        while let Some(write) = (batch.len() < BATCH).then(|| writes.try_recv().ok()).flatten() {
            batch.push(write);
        }
        let commit = match world.strikes(Fault::SlowCommit, &life.name) {
            true => world.while_("commits", Duration::from_secs(5)),
            false => world.moment("commits"),
        };
        // What is on its way arrives, also if whoever sent it is suspended meanwhile; or is sent later.
        match world.draw("commits", |random| random.happens(5_000)) {
            true => tokio::time::sleep(commit).await,
            false => life.wait(commit).await?,
        }
        if life.is_over() {
            return Err(Dead);
        }
        if world.strikes(Fault::CrashBeforeCommit, &life.name) {
            life.end();
            return Err(Dead);
        }
        let fate = fate(database, life);
        let answers: Vec<_> = batch.into_iter().map(|write| write(database, life, fate)).collect();
        if world.strikes(Fault::CrashAfterCommit, &life.name) {
            life.end();
            return Err(Dead);
        }
        life.wait(world.moment("commits")).await?;
        for answer in answers {
            answer();
        }
    }
}

fn fate(database: &Database, life: &Life) -> Fate {
    // A file is not lost from sight.
    if !database.is_shared() {
        return Fate::Committed;
    }
    let world = &life.world;
    if world.strikes(Fault::StoreAway, &life.name) {
        Fate::Away
    } else if world.strikes(Fault::UnknownCommit, &life.name) {
        if world.draw("commits", |random| random.happens(5_000)) { Fate::Unknown } else { Fate::Lost }
    } else {
        Fate::Committed
    }
}
