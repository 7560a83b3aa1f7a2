//! What goes wrong: processes are killed, told to stop, and stand still; the broker and the database
//! are killed and come back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pathway_tests::{Chance, Kept};

use crate::shop::Shop;

/// Between two faults.
const PAUSE: std::ops::Range<Duration> = Duration::from_millis(500)..Duration::from_secs(2);
/// How long a process stands still: longer than its group waits for it.
const STILL: std::ops::Range<Duration> = Duration::from_millis(2500)..Duration::from_secs(5);
/// How long the broker or the database is away, at least.
const AWAY: std::ops::Range<Duration> = Duration::ZERO..Duration::from_secs(3);
/// Now and then there is time to get something done.
const CALM: std::ops::Range<Duration> = Duration::from_secs(2)..Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A process that works is killed.
    Worker,
    /// One with doors is.
    Door,
    /// One that works is asked to stop, and starts again.
    Restart,
    /// One that works stands still for longer than its group waits.
    StandStill,
    /// The broker is killed.
    Broker,
    /// The broker is asked to stop.
    BrokerStop,
    /// The database is killed.
    Store,
    /// Nothing, for a while.
    Calm,
}

/// Each as often as it is likely.
const FAULTS: [Fault; 16] = [
    Fault::Worker,
    Fault::Worker,
    Fault::Worker,
    Fault::Worker,
    Fault::Worker,
    Fault::Door,
    Fault::Door,
    Fault::Restart,
    Fault::StandStill,
    Fault::StandStill,
    Fault::Broker,
    Fault::BrokerStop,
    Fault::Store,
    Fault::Calm,
    Fault::Calm,
    Fault::Calm,
];

/// What went wrong.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    /// How often anything did that may interrupt a call.
    pub(crate) interruptions: usize,
    /// Processes that stood still.
    pub(crate) stood_still: BTreeSet<String>,
    /// How often the database was away.
    pub(crate) outages: usize,
    /// How often an operator let go on what was parked.
    pub(crate) redrives: usize,
}

/// Lets things go wrong for so long, then puts all right.
pub(crate) async fn plague(shop: &Shop, chance: &mut Chance, duration: Duration) -> Toll {
    let (begin, mut toll) = (Instant::now(), Toll::default());
    while begin.elapsed() < duration {
        tokio::time::sleep(chance.time(PAUSE)).await;
        let fault = *chance.of(&FAULTS);
        println!("{:>7.1} s  {fault:?}", begin.elapsed().as_secs_f32());
        strike(shop, chance, fault, &mut toll).await;
        toll.interruptions += usize::from(fault != Fault::Calm);
    }
    shop.up().await;
    println!("{:>7.1} s  all is well", begin.elapsed().as_secs_f32());
    toll
}

async fn strike(shop: &Shop, chance: &mut Chance, fault: Fault, toll: &mut Toll) {
    match fault {
        Fault::Worker => chance.of(&shop.workers).crash().await,
        Fault::Door => chance.of(shop.doors()).crash().await,
        Fault::Restart => drop(chance.of(&shop.workers).signal("TERM").await),
        Fault::StandStill => {
            let worker: &Kept = chance.of(&shop.workers);
            toll.stood_still.insert(worker.signal("STOP").await);
            tokio::time::sleep(chance.time(STILL)).await;
            worker.signal("CONT").await;
        }
        Fault::Broker | Fault::BrokerStop => {
            match fault {
                Fault::Broker => shop.kafka.kill().await,
                _ => shop.kafka.stop().await,
            }
            tokio::time::sleep(chance.time(AWAY)).await;
            // Whoever starts meanwhile has to do without.
            chance.of(&shop.workers).crash().await;
            shop.kafka.start().await;
        }
        Fault::Store => {
            let Some(postgres) = &shop.postgres else { return };
            toll.outages += 1;
            postgres.kill().await;
            tokio::time::sleep(chance.time(AWAY)).await;
            postgres.start().await;
        }
        Fault::Calm => tokio::time::sleep(chance.time(CALM)).await,
    }
}
