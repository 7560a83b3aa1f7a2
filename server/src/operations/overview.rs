//! A server at a glance: what it does now, and what it has counted so far, from which whoever looks twice
//! gets rates. All of it is what `/metrics` and `/limits` tell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Limits, Operations, Summary};
use crate::app::Role;
use crate::runner::Doing;
use crate::store::Run;
use crate::telemetry::metrics::{Counted, Snapshot};

/// Runs that are named of those that are not over.
const LONGEST: usize = 20;
/// Runs that are looked at together for these, and how often at most.
const PAGE: u32 = 500;
const PAGES: usize = 4;

/// A server at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Which version it is.
    pub version: String,
    /// `serve`, `gateway` or `worker`.
    pub role: String,
    /// When it began to serve.
    pub since: Timestamp,
    /// When this was told.
    pub now: Timestamp,
    /// Runs that are not over.
    pub runs: UnderWay,
    /// By name; `-`: runs that go on by an earlier definition.
    pub pathways: Vec<Pathway>,
    /// As `/limits` tells them.
    pub limits: Limits,
    /// Of services that have one.
    pub circuits: Vec<Circuit>,
    /// Of topics that pathways listen to.
    pub lags: Vec<Lag>,
    /// Seconds for which the oldest record has waited that runs have sent and the bus has not; 0: there
    /// is none.
    pub outbox_age: f64,
    /// Messages that runs have not received, up to 1,000.
    pub inbox: u64,
    /// Runs that are not over, the oldest first: those that wait for nothing but a signal or a time come last.
    pub longest: Vec<Summary>,
}

/// How many runs are not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Under way in this process.
    pub active: usize,
    /// Asleep in this process.
    pub asleep: usize,
    /// In the store, and not over.
    pub ready: u64,
    /// In the store, and waiting for a human.
    pub parked: u64,
}

/// A pathway in this process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pathway {
    /// Its name.
    pub name: String,
    /// Runs that have begun.
    pub started: u64,
    /// Runs that have succeeded.
    pub succeeded: u64,
    /// Runs that have failed.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Runs that were parked.
    pub parked: u64,
    /// Runs that have a place: they compute, or have a call under way.
    pub running: usize,
    /// Runs that were admitted and have not begun.
    pub queued: usize,
    /// From admission to the end.
    pub took: Took,
}

/// How long runs took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Took {
    /// How many.
    pub count: u64,
    /// Seconds, of all.
    pub sum: f64,
    /// Those that took no longer than each bound, and longer than the one before.
    pub buckets: Vec<Bucket>,
}

/// Runs that took about as long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Seconds; none: longer than all bounds.
    pub up_to: Option<f64>,
    /// How many.
    pub count: u64,
}

/// A circuit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// The service's name.
    pub name: String,
    /// `closed`, `open` or `half_open`.
    pub state: String,
    /// Outages in a row.
    pub failures: u32,
    /// When calls are tried again, if it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_opens_at: Option<Timestamp>,
}

/// How far behind work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// The topic's name on the bus.
    pub topic: String,
    /// Which of the topic.
    pub partition: i32,
    /// Records that work has not come to.
    pub records: u64,
}

impl Overview {
    /// A server that is there for `role` and began at `since`.
    pub(crate) fn of(
        measured: &Snapshot,
        (role, since): (Role, Timestamp),
        limits: Limits,
        longest: Vec<Summary>,
    ) -> Self {
        let runner = &measured.runner;
        let circuits = runner.upstreams().circuits().into_iter().map(|(name, circuit)| Circuit {
            name,
            state: circuit.state.name().to_owned(),
            failures: circuit.failures,
            half_opens_at: circuit.half_opens_at,
        });
        let lags = measured.lags.iter().map(|lag| Lag {
            topic: lag.topic.clone(),
            partition: lag.partition,
            records: lag.records,
        });
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: role.name().to_owned(),
            since,
            now: runner.now(),
            runs: UnderWay {
                active: runner.active(),
                asleep: runner.asleep(),
                ready: measured.kept.ready,
                parked: measured.kept.parked,
            },
            pathways: pathways(measured, &limits),
            limits,
            circuits: circuits.collect(),
            lags: lags.collect(),
            outbox_age: measured.kept.outbox_age.as_secs_f64(),
            inbox: measured.kept.messages,
            longest,
        }
    }
}

fn pathways(measured: &Snapshot, limits: &Limits) -> Vec<Pathway> {
    let running = |name: &str| {
        let limit = limits.limits.iter().find(|limit| limit.name.strip_prefix("pathway/") == Some(name));
        limit.map_or(0, |limit| limit.in_use)
    };
    let all = measured.runner.metrics().runs.pathways();
    let pathway = |name: &str, counts: &crate::telemetry::metrics::Pathway| {
        let ended =
            |result: &str| counts.results().find(|(known, _)| *known == result).map_or(0, |(_, count)| count);
        Pathway {
            name: name.to_owned(),
            started: counts.begun(),
            succeeded: ended("succeeded"),
            failed: ended("failed"),
            cancelled: ended("cancelled"),
            parked: ended("parked"),
            running: running(name),
            queued: measured.runner.queued(name),
            took: Took::of(counts.duration().counted()),
        }
    };
    all.iter().map(|(name, counts)| pathway(name, counts)).collect()
}

impl Took {
    fn of(Counted { buckets, sum, count }: Counted) -> Self {
        let bucket = |(bound, count): (f64, u64)| Bucket { up_to: bound.is_finite().then_some(bound), count };
        Self { count, sum, buckets: buckets.into_iter().map(bucket).collect() }
    }
}

impl Operations {
    /// The server at a glance; `measured`: what was counted, and is the case now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn overview(
        &self,
        measured: &Snapshot,
        began: (Role, Timestamp),
    ) -> Result<Overview, Error> {
        Ok(Overview::of(measured, began, self.limits(), self.longest().await?))
    }

    /// Runs that are not over, the oldest first, but those that sleep last. Of many runs that sleep only the
    /// first are passed over.
    async fn longest(&self) -> Result<Vec<Summary>, Error> {
        let (mut busy, mut asleep, mut after) = (Vec::<Run>::new(), Vec::<Run>::new(), None);
        for _ in 0..PAGES {
            let page = self.store.ready(after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|run| run.id).or(after);
            let doing = self.runner.doing(&page);
            for (run, doing) in page.into_iter().zip(doing) {
                match doing {
                    Some(Doing::Waiting) if asleep.len() < LONGEST => asleep.push(run),
                    Some(Doing::Waiting) | None => {}
                    Some(_) => busy.push(run),
                }
            }
            if is_last || busy.len() >= LONGEST {
                break;
            }
        }
        busy.append(&mut asleep);
        busy.truncate(LONGEST);
        Ok(self.told(&busy))
    }
}
