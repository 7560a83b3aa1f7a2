//! What a seed chooses: each world has another size, and another few of the faults, so that rare ones
//! meet each other undisturbed by all the rest.

use std::collections::BTreeMap;

use super::happening::Fault;
use super::random::Random;

/// What a seed chose.
#[derive(Debug, Clone)]
pub(crate) struct Swarm {
    /// Partitions of each topic that is worked on.
    pub(crate) partitions: i32,
    /// Records that are published from outside.
    pub(crate) records: usize,
    /// Ordering keys among them.
    pub(crate) keys: usize,
    /// Milliseconds that something quick takes at most.
    pub(crate) latency: u64,
    /// Records of a batch at most.
    pub(crate) batch: u32,
    /// How often what goes wrong, in ten thousand times.
    pub(crate) faults: BTreeMap<Fault, u32>,
}

impl Swarm {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed, "swarm");
        let mut faults = BTreeMap::new();
        for fault in Fault::ALL {
            if random.happens(4_000) {
                let most = usual(*fault);
                faults.insert(*fault, random.range(u64::from(most / 4)..u64::from(most) + 1) as u32);
            }
        }
        Self {
            partitions: random.range(1..4) as i32,
            records: random.range(4..20) as usize,
            keys: random.range(1..5) as usize,
            latency: *random.pick(&[2, 5, 20, 100]).unwrap_or(&5),
            batch: random.range(1..9) as u32,
            faults,
        }
    }
}

/// How often it may happen, in ten thousand times.
fn usual(fault: Fault) -> u32 {
    match fault {
        Fault::Crash => 3_000,
        Fault::CrashBeforeCommit | Fault::CrashAfterCommit | Fault::CrashAfterPublish => 400,
        Fault::CrashBeforeOffset | Fault::CrashAfterCall => 400,
        Fault::SlowCommit | Fault::LateNotice => 300,
        Fault::UnknownCommit | Fault::StoreAway => 150,
        Fault::BusAway | Fault::UnknownPublish => 500,
        Fault::RefusedRecord => 200,
        Fault::Hole => 1_000,
        Fault::LostOffset | Fault::SentTwice => 2_000,
        Fault::Refused | Fault::Hang | Fault::LostAnswer => 800,
        Fault::Unavailable | Fault::TooMany | Fault::SlowAnswer => 800,
        Fault::Rejected => 200,
    }
}
