//! What was committed is there as long as the run is.

use futures_util::FutureExt;
use pathway_server::store::{MemoryStore, Store};

use super::facts::Known;
use super::{Kept, broken, compacted};

/// A run has all that it ever had.
pub(crate) fn is_there(known: &Known, store: &MemoryStore) -> Kept {
    let run = store.run(&known.public_id).now_or_never().unwrap().unwrap();
    let events = store.events(known.id).now_or_never().unwrap().unwrap().len();
    let has = (compacted::left(known).len(), Some(known.status));
    let found = (events, run.map(|run| run.status));
    if has == found {
        return Ok(());
    }
    let why = format!("{} had {has:?}, and has {found:?}", known.public_id);
    broken("what was acknowledged survives", why, [known.public_id.clone()])
}
