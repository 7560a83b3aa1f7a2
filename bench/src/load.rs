//! Load on a server, and how long its answers take: at a fixed rate, whether or not the answers
//! come, or from so many clients at once, each of which waits for its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// A client that goes through no proxy.
pub(crate) fn client() -> Result<Client, String> {
    Client::builder().no_proxy().build().map_err(text)
}

/// The `n`th request, and whether an answer to it is right.
pub(crate) trait Ask: Send + Sync + 'static {
    fn request(&self, n: u64) -> RequestBuilder;
    fn check(&self, n: u64, status: StatusCode, body: &str) -> Result<(), String>;
}

/// How long the answers took.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Rising.
    taken: Vec<Duration>,
    /// From the first request to the last answer.
    all: Duration,
}

impl Answers {
    pub(crate) fn new(mut taken: Vec<Duration>, all: Duration) -> Self {
        taken.sort();
        Self { taken, all }
    }

    /// What `percent` of them took at most, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let place = (self.taken.len() * percent).div_ceil(100).saturating_sub(1);
        self.taken.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    /// How many came a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.taken.len() as f64 / self.all.as_secs_f64()
    }

    /// How long it took until all were there, in milliseconds.
    pub(crate) fn all_ms(&self) -> f64 {
        self.all.as_secs_f64() * 1e3
    }
}

/// Sends the requests `of`, `rate` a second.
pub(crate) async fn at_rate<A: Ask>(
    ask: &Arc<A>,
    of: std::ops::Range<u64>,
    rate: u64,
) -> Result<Answers, String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX));
    // A tick that comes late is made up for: the rate holds.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut requests = JoinSet::new();
    for n in of {
        ticks.tick().await;
        requests.spawn(one(ask.clone(), n));
    }
    let mut taken = Vec::new();
    while let Some(took) = requests.join_next().await {
        taken.push(took.map_err(text)??);
    }
    Ok(Answers::new(taken, began.elapsed()))
}

/// Sends the requests `of` from `clients` at once.
pub(crate) async fn at_once<A: Ask>(
    ask: &Arc<A>,
    of: std::ops::Range<u64>,
    clients: usize,
) -> Result<Answers, String> {
    let began = Instant::now();
    let mut working = JoinSet::new();
    for client in 0..clients {
        let (ask, own) = (ask.clone(), of.clone().skip(client).step_by(clients));
        working.spawn(async move {
            let mut taken = Vec::new();
            for n in own {
                taken.push(one(ask.clone(), n).await?);
            }
            Ok::<_, String>(taken)
        });
    }
    let mut taken = Vec::new();
    while let Some(own) = working.join_next().await {
        taken.extend(own.map_err(text)??);
    }
    Ok(Answers::new(taken, began.elapsed()))
}

async fn one<A: Ask>(ask: Arc<A>, n: u64) -> Result<Duration, String> {
    let request = ask.request(n);
    let sent = Instant::now();
    let answer = request.send().await.map_err(text)?;
    let status = answer.status();
    let body = answer.text().await.map_err(text)?;
    let took = sent.elapsed();
    ask.check(n, status, &body)?;
    Ok(took)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
