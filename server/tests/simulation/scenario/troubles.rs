//! Processes that die, stop, or stand still, a group that changes its mind, and a service that is away.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::bus::Broker;
use crate::happening::{Fault, Operation};
use crate::process::Process;
use crate::world::World;

/// Between two troubles of a process at most.
const PAUSE: u64 = 8_000;
/// How long a process stands still at most.
const STILL: Duration = Duration::from_secs(15);
/// How long a service is away at most.
const AWAY: Duration = Duration::from_secs(60);
/// How it is.
const HOW: [Fault; 3] = [Fault::AwayRefused, Fault::AwayUnavailable, Fault::AwaySilent];

/// Kills, stops and suspends a process, for a while.
pub(crate) async fn crash(process: &Process, broker: &Arc<Broker>, world: &Arc<World>, end: Duration) {
    while world.age() < end {
        sleep(Duration::from_millis(world.draw("crashes", |random| random.range(500..PAUSE)))).await;
        let Some(running) = process.running() else { continue };
        let life = &running.life;
        if world.strikes(Fault::Crash, &life.name) {
            life.end();
        } else if world.strikes(Fault::Suspension, &life.name) {
            life.suspend();
            broker.watch_silent(life);
            sleep(world.while_("crashes", STILL)).await;
            life.resume();
        } else if world.draw("crashes", |random| random.happens(300)) {
            world.did(Operation::Stop);
            running.stop.cancel();
        }
    }
}

/// Makes the group think again, for a while.
pub(crate) async fn disturb(broker: &Broker, world: &Arc<World>, end: Duration) {
    while world.age() < end {
        sleep(Duration::from_millis(world.draw("group", |random| random.range(500..PAUSE)))).await;
        if world.strikes(Fault::Rebalance, "bus") {
            broker.stir();
        }
    }
}

/// Takes a service away, for a long while.
pub(crate) async fn darken(world: &Arc<World>, end: Duration) {
    while world.age() < end {
        sleep(Duration::from_millis(world.draw("away", |random| random.range(500..PAUSE)))).await;
        if let Some(how) = HOW.into_iter().find(|how| world.strikes(*how, "world")) {
            world.set_away(Some(how));
            sleep(world.while_("away", AWAY)).await;
            world.set_away(None);
        }
    }
}
