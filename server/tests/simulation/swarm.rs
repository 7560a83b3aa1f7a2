//! What a seed chooses: each world has another size, and another few of the faults, so that rare ones
//! meet each other undisturbed by all the rest.

use std::collections::BTreeMap;

use super::happening::Fault;
use super::random::Random;

/// How processes, store and bus stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// One process with its own store, in which the bus is too.
    Embedded,
    /// One process with its own store, at a bus.
    Alone,
    /// Several with a store between them, at a bus.
    Shared,
}

/// What a seed chose.
#[derive(Debug, Clone)]
pub(crate) struct Swarm {
    pub(crate) setting: Setting,
    pub(crate) processes: usize,
    /// Partitions of each topic that is worked on.
    pub(crate) partitions: i32,
    /// Records that are published from outside.
    pub(crate) records: usize,
    /// Ordering keys among them.
    pub(crate) keys: usize,
    /// What operators do.
    pub(crate) operations: usize,
    /// Requests of callers.
    pub(crate) requests: usize,
    /// Pathways that records come for, by their place.
    pub(crate) pathways: Vec<usize>,
    /// Whether schedules are looked after.
    pub(crate) has_schedules: bool,
    /// Whether pathways change while runs are under way.
    pub(crate) changes: bool,
    /// Milliseconds that something quick takes at most.
    pub(crate) latency: u64,
    /// Records of a batch at most.
    pub(crate) batch: u32,
    /// Whether journals are compacted as soon as they have a few events.
    pub(crate) compacts: bool,
    /// How often what goes wrong, in ten thousand times.
    pub(crate) faults: BTreeMap<Fault, u32>,
}

impl Swarm {
    /// What `seed` chooses, of so many pathways.
    pub(crate) fn of(seed: u64, pathways: usize) -> Self {
        let mut random = Random::new(seed, "swarm");
        let settings = [Setting::Embedded, Setting::Alone, Setting::Shared, Setting::Shared];
        let setting = settings[random.below(settings.len())];
        let processes = if setting == Setting::Shared { random.range(1..4) as usize } else { 1 };
        let partitions = if setting == Setting::Embedded { 1 } else { random.range(1..4) as i32 };
        let mut faults = BTreeMap::new();
        for fault in Fault::ALL {
            if random.happens(3_500) {
                let most = u64::from(usual(*fault));
                faults.insert(*fault, random.range(most / 4..most + 1) as u32);
            }
        }
        let chosen: Vec<usize> = (0..pathways).filter(|_| random.happens(4_000)).collect();
        let pathways = if chosen.is_empty() { vec![random.below(pathways)] } else { chosen };
        Self {
            setting,
            processes,
            partitions,
            records: random.range(4..20) as usize,
            keys: random.range(1..5) as usize,
            operations: random.range(0..12) as usize,
            pathways,
            has_schedules: random.happens(1_500),
            changes: random.happens(2_000),
            latency: *random.pick(&[2, 5, 20, 100]).unwrap_or(&5),
            batch: random.range(1..9) as u32,
            faults,
            requests: if random.happens(4_000) { random.range(1..12) as usize } else { 0 },
            compacts: random.happens(5_000),
        }
    }
}

/// How often it may happen, in ten thousand times.
fn usual(fault: Fault) -> u32 {
    match fault {
        Fault::Crash | Fault::Suspension | Fault::Rebalance => 3_000,
        Fault::CrashBeforeCommit | Fault::CrashAfterCommit | Fault::CrashAfterPublish => 400,
        Fault::CrashBeforeOffset | Fault::CrashAfterCall => 400,
        Fault::Skew => 5_000,
        Fault::SlowCommit | Fault::LateNotice => 300,
        Fault::UnknownCommit | Fault::StoreAway => 150,
        Fault::BusAway | Fault::UnknownPublish => 800,
        Fault::RefusedRecord => 300,
        Fault::Hole => 1_000,
        Fault::LostOffset | Fault::SentTwice | Fault::StalePosition => 2_000,
        Fault::Refused | Fault::Hang | Fault::LostAnswer | Fault::CutAnswer => 800,
        Fault::Unavailable | Fault::TooMany | Fault::SlowAnswer => 800,
        Fault::Rejected => 200,
        Fault::AwayRefused | Fault::AwayUnavailable | Fault::AwaySilent => 1_000,
    }
}
