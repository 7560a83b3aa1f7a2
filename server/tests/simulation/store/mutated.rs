//! Changes as a store makes them that lacks a guard.

use futures_util::FutureExt;
use pathway_server::store::{Admit, Append, NewRun, Settle, Store};

use super::Database;
use crate::mutation::Mutation;
use crate::world::World;

/// An admission.
pub(super) fn admission(database: &Database, world: &World, mut change: Admit) -> Admit {
    if world.is_mutated(Mutation::NoEpochs) {
        change.proof = None;
    }
    if world.is_mutated(Mutation::NoKeys) {
        change.runs.iter_mut().for_each(|run| run.idempotency = None);
    }
    if world.is_mutated(Mutation::NoPositions) {
        let next = database.memory().next_offset(&change.topic, change.partition).now_or_never();
        if let Some(Ok(Some(next))) = next
            && next > change.from_offset
        {
            let mut again = |run: NewRun| {
                let id = world.draw("positions", |random| random.next());
                let public_id = uuid::Uuid::from_u64_pair(id, id).to_string();
                NewRun { public_id, offset: run.offset.map(|offset| offset + (1 << 40)), ..run }
            };
            change.runs = change.runs.into_iter().map(&mut again).collect();
            change.next_offset = change.next_offset.max(next);
            change.from_offset = next;
        }
    }
    change
}

/// An append.
pub(super) fn append(world: &World, mut change: Append) -> Append {
    if world.is_mutated(Mutation::NoEpochs) {
        change.proof = None;
    }
    change
}

/// What became of records.
pub(super) fn settlement(world: &World, mut change: Settle) -> Settle {
    if world.is_mutated(Mutation::NoOutbox) {
        for (_, last) in &mut change.sent {
            *last += 1;
        }
    }
    change
}
