//! How busy workers are, told to gateways elsewhere on a topic: which circuits are open and how many
//! runs wait, so that a gateway refuses early what could not be served soon.
//!
//! A worker that has nothing to tell is silent. One that has says so every second, and once more when
//! it is over; what is older than that is not believed, since whoever said it may be gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, BusError, NewRecord, Record, Start};
use crate::clock::Clock;
use crate::gateway::Capacity;
use crate::runner::Runner;
use crate::store::Headers;

/// Between two times that a worker tells.
const EVERY: Duration = Duration::from_secs(1);
/// How long what it told is believed.
const BELIEVED: Duration = Duration::from_secs(4);
/// Before a bus that is away is asked again.
const AGAIN: Duration = Duration::from_secs(5);
/// Workers that are listened to.
const MOST: usize = 1_000;
/// Records, and bytes of them, that are read at once.
const READ: (u32, usize) = (500, 1 << 20);

/// The topic of the workers of a consumer group.
#[must_use]
pub fn topic(group: &str) -> String {
    format!("{group}.pathway-state")
}

/// How busy a worker is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How many runs of a pathway wait to begin, where some do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queued: BTreeMap<String, usize>,
    /// For how many milliseconds the circuit of a service stays open, where it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<String, u64>,
}

/// Tells how busy a worker is, until `stop`.
pub async fn tell(runner: Runner, bus: Arc<dyn Bus>, topic: String, clock: Clock, stop: CancellationToken) {
    let worker = uuid::Uuid::new_v4().to_string();
    let telling = async {
        loop {
            runner.strained().await;
            loop {
                let standing = runner.standing();
                let record = NewRecord {
                    topic: topic.clone(),
                    key: Some(worker.clone().into_bytes()),
                    value: serde_json::to_vec(&standing).ok().map(Into::into),
                    headers: Headers::default(),
                    time: clock.millis(),
                };
                if let Err(error) = bus.publish(vec![record]).await {
                    tracing::debug!(topic, %error, "how busy this worker is could not be told");
                }
                if standing == Standing::default() {
                    break;
                }
                tokio::time::sleep(EVERY).await;
            }
        }
    };
    stop.run_until_cancelled(telling).await;
}

/// How busy the workers are, as far as they told.
#[derive(Debug, Default)]
pub struct Standings {
    workers: Mutex<HashMap<Vec<u8>, (Instant, Standing)>>,
}

impl Standings {
    /// Hears what workers tell, until `stop`.
    pub async fn listen(self: Arc<Self>, bus: Arc<dyn Bus>, topic: String, stop: CancellationToken) {
        let listening = async {
            loop {
                if let Err(error) = self.hear(&*bus, &topic).await {
                    tracing::debug!(topic, %error, "how busy workers are is not heard of");
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        stop.run_until_cancelled(listening).await;
    }

    async fn hear(&self, bus: &dyn Bus, topic: &str) -> Result<(), BusError> {
        let mut subscription = bus.subscribe(topic, Start::End).await?;
        loop {
            let batch = subscription.next_batch(READ.0, READ.1).await?;
            batch.records.into_iter().for_each(|record| self.note(record));
        }
    }

    /// What a worker has told.
    fn note(&self, record: Record) {
        let (Some(worker), Some(value)) = (record.key, record.value) else { return };
        let Ok(standing) = serde_json::from_slice::<Standing>(&value) else { return };
        let now = Instant::now();
        let mut workers = self.workers();
        workers.retain(|_, (told, _)| now.duration_since(*told) < BELIEVED);
        if standing == Standing::default() {
            workers.remove(&worker);
        } else if workers.len() < MOST || workers.contains_key(&worker) {
            workers.insert(worker, (now, standing));
        }
    }

    fn workers(&self) -> MutexGuard<'_, HashMap<Vec<u8>, (Instant, Standing)>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request may come to any of them, so what one says is said of all.
impl Capacity for Standings {
    fn queued(&self, pathway: &str) -> usize {
        let workers = self.workers();
        let told = workers.values().filter(|(told, _)| told.elapsed() < BELIEVED);
        told.filter_map(|(_, standing)| standing.queued.get(pathway).copied()).max().unwrap_or(0)
    }

    fn opens_after(&self, service: &str) -> Option<Duration> {
        let workers = self.workers();
        let left =
            workers.values().filter(|(told, _)| told.elapsed() < BELIEVED).filter_map(|(told, standing)| {
                let open = Duration::from_millis(*standing.open.get(service)?);
                open.checked_sub(told.elapsed()).filter(|left| !left.is_zero())
            });
        left.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(worker: &str, standing: &Standing) -> Record {
        let (key, value) = (worker.as_bytes().to_vec(), serde_json::to_vec(standing).unwrap());
        Record { offset: 0, key: Some(key), value: Some(value.into()), headers: Headers::default(), time: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_is_believed_for_a_while() {
        let standings = Standings::default();
        let busy = |queued, open| Standing {
            queued: BTreeMap::from([("p".to_owned(), queued)]),
            open: BTreeMap::from([("s".to_owned(), open)]),
        };
        standings.note(told("one", &busy(3, 2_000)));
        standings.note(told("other", &busy(5, 60_000)));
        assert_eq!(standings.queued("p"), 5);
        assert_eq!(standings.queued("q"), 0);
        assert_eq!(standings.opens_after("s"), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(3)).await;
        // One is about to try again; the other says that it is still out of order.
        assert_eq!(standings.opens_after("s"), Some(Duration::from_secs(57)));
        standings.note(told("other", &Standing::default()));
        assert_eq!((standings.queued("p"), standings.opens_after("s")), (3, None));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(standings.queued("p"), 0, "whoever said it may be gone");
    }
}
