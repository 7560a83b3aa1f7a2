//! The task of a feed: reads its topic, whatever becomes of the bus.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::hub::Hub;
use crate::bus::{Bus, BusError, Start};

/// Records that are read at a time.
const RECORDS: u32 = 256;
/// Bytes of them.
const BYTES: usize = 1 << 20;
/// Before a bus that was away is tried again; it doubles each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Reads the topic of `hub` until that is over.
pub(super) async fn run(hub: Arc<Hub>, bus: Arc<dyn Bus>) {
    hub.over().run_until_cancelled(read(&hub, &*bus)).await;
}

async fn read(hub: &Hub, bus: &dyn Bus) {
    let replay = i64::try_from(hub.feed().replay.as_millis()).unwrap_or(i64::MAX);
    let mut start = Start::Since(Timestamp::now().as_millisecond().saturating_sub(replay));
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(error) = follow(hub, bus, &mut start, &mut pause).await;
        hub.lost();
        let feed = hub.feed().name.value.as_str();
        tracing::warn!(feed, topic = hub.topic(), %error, "the topic of a feed cannot be read; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Reads from `start`, which is moved on, until the bus fails.
async fn follow(
    hub: &Hub,
    bus: &dyn Bus,
    start: &mut Start,
    pause: &mut Duration,
) -> Result<std::convert::Infallible, BusError> {
    let end = bus.subscribe(hub.topic(), Start::End).await?.positions();
    let mut records = bus.subscribe(hub.topic(), start.clone()).await?;
    hub.settle(&records.positions(), &end);
    loop {
        *start = Start::At(hub.positions());
        let batch = records.next_batch(RECORDS, BYTES).await?;
        *pause = FIRST_PAUSE;
        hub.pass_on(&batch);
    }
}
