//! How full limits are. Of the keys of a pathway one is told: how many there are, and which of them
//! are the busiest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::limit::{Limit, shown};

/// How many keys are named.
const MAX_BUSIEST: usize = 5;

/// A limit and its slots; of all keys of a pathway together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The limit.
    pub limit: Limit,
    /// How many slots it has, or each of its keys; `None` is any number.
    pub capacity: Option<usize>,
    /// How many are in use by requests that run.
    pub in_use: usize,
    /// How many are set aside for requests that wait for another limit.
    pub set_aside: usize,
    /// How many requests wait for one.
    pub waiting: usize,
    /// How many keys somebody has or waits for a slot of.
    pub keys: usize,
    /// The busiest of them, up to 5.
    pub busiest: Vec<Busy>,
}

/// A key whose slots somebody has or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// The key, cut off where it is long.
    pub key: String,
    /// How many slots are in use.
    pub in_use: usize,
    /// How many requests wait for one.
    pub waiting: usize,
}

impl Usage {
    const fn of(limit: Limit, capacity: Option<usize>) -> Self {
        Self { limit, capacity, in_use: 0, set_aside: 0, waiting: 0, keys: 0, busiest: Vec::new() }
    }
}

impl Ledger {
    /// All limits that have a capacity or are in use, in their order; keys of a pathway together.
    #[must_use]
    pub fn usage(&self) -> Vec<Usage> {
        let mut all: BTreeMap<Limit, Usage> = BTreeMap::new();
        let mut keys: BTreeMap<Limit, Vec<_>> = BTreeMap::new();
        for (limit, slots) in &self.slots {
            let counted = match limit {
                Limit::Key(pathway, _) => Limit::Keys(pathway.clone()),
                other => other.clone(),
            };
            if let Limit::Key(_, key) = limit {
                keys.entry(counted.clone()).or_default().push((key, slots));
            }
            let usage =
                all.entry(counted).or_insert_with_key(|limit| Usage::of(limit.clone(), slots.capacity));
            usage.in_use += slots.in_use.len();
            usage.set_aside += slots.set_aside.len();
            usage.waiting += slots.queue.len();
        }
        for (limit, mut keys) in keys {
            let Some(usage) = all.get_mut(&limit) else { continue };
            usage.keys = keys.len();
            keys.sort_unstable_by_key(|(key, slots)| {
                (Reverse(slots.in_use.len()), Reverse(slots.queue.len()), *key)
            });
            let busiest = keys.into_iter().take(MAX_BUSIEST).map(|(key, slots)| Busy {
                key: shown(key),
                in_use: slots.in_use.len(),
                waiting: slots.queue.len(),
            });
            usage.busiest = busiest.collect();
        }
        all.into_values().collect()
    }
}
