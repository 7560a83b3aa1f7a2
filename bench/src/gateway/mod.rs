//! `gateway`: from a request to its answer: the request becomes a record, the record a run, and the
//! run's return the answer. On the bus that is part of the server, and over Kafka; there also what
//! the finance app does, with upstreams that answer at once.

mod finance;
mod order;

use std::sync::Arc;

use self::finance::Finance;
use self::order::Order;
use crate::kafka::cluster::Cluster;
use crate::load::{self, Answers};
use crate::report::Report;
use crate::server::Target;
use crate::{Options, Outcome};

/// Clients that ask at once.
const CLIENTS: usize = 50;
/// Requests over Kafka for one on the bus of the server.
const FEWER: u64 = 5;
/// Requests that warm up, at most.
const WARM: u64 = 200;

/// Round trips through the gateway [count: requests of a round, 5000; over Kafka a fifth]
#[derive(Debug, clap::Args)]
pub(crate) struct Gateway {
    #[command(flatten)]
    target: Target,
    /// A broker: HOST:PORT; without one, only the bus of the server is measured
    #[arg(long, value_name = "SERVERS")]
    kafka: Option<String>,
    /// Requests a second; over Kafka a fifth
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(5..=100_000))]
    rate: u64,
}

/// What all rounds took.
#[derive(Default)]
struct Taken {
    embedded: Vec<Answers>,
    kafka: Vec<Answers>,
    at_once: Vec<Answers>,
    burst_ms: Vec<f64>,
    budgets: Vec<Answers>,
}

impl Gateway {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(5_000);
        let cluster = self.kafka.clone().map(|servers| Cluster { servers });
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let embedded = Arc::new(Order::embedded(&self.target, options.check())?);
        let kafka = match &cluster {
            Some(cluster) => Some((cluster, Arc::new(Order::kafka(&self.target, cluster, options.check())?))),
            None => None,
        };
        let mut taken = Taken::default();
        let mut next = 0;
        let mut some = |count: u64| {
            next += count;
            next - count..next
        };
        for round in 0..=options.rounds {
            let is_warm = round > 0;
            let count = if is_warm { count } else { WARM.min(count) };
            let answers = runtime.block_on(load::at_rate(&embedded, some(count), self.rate))?;
            taken.embedded.extend(is_warm.then_some(answers));
            let Some((cluster, kafka)) = &kafka else { continue };
            let fewer = count.div_ceil(FEWER);
            let answers = runtime.block_on(load::at_rate(kafka, some(fewer), self.rate / FEWER))?;
            taken.kafka.extend(is_warm.then_some(answers));
            let answers = runtime.block_on(load::at_once(kafka, some(fewer), CLIENTS))?;
            taken.at_once.extend(is_warm.then_some(answers));
            let finance = runtime.block_on(Finance::start(&self.target, cluster, options.check()))?;
            let burst = runtime.block_on(finance.burst())?;
            let budgets = runtime.block_on(load::at_once(&Arc::new(finance), 0..CLIENTS as u64, CLIENTS))?;
            if is_warm {
                taken.burst_ms.push(burst.as_secs_f64() * 1e3);
                taken.budgets.push(budgets);
            }
        }
        let rate = self.rate;
        let about =
            format!("{count} requests a round at {rate} a second, a fifth over Kafka at {}", rate / FEWER);
        Ok(report(about, &taken, kafka.is_some()))
    }
}

fn report(about: String, taken: &Taken, has_kafka: bool) -> Report {
    let mut report = Report::new("gateway", about);
    let figures =
        |answers: &[Answers], percent| answers.iter().map(|it| it.percentile(percent)).collect::<Vec<_>>();
    report.figure("embedded_p50_ms", "ms", figures(&taken.embedded, 50));
    report.figure("embedded_p99_ms", "ms", figures(&taken.embedded, 99));
    report.figure("embedded_per_second", "1/s", taken.embedded.iter().map(Answers::per_second));
    if !has_kafka {
        return report;
    }
    report.figure("kafka_p50_ms", "ms", figures(&taken.kafka, 50));
    report.figure("kafka_p99_ms", "ms", figures(&taken.kafka, 99));
    report.figure("kafka_per_second", "1/s", taken.kafka.iter().map(Answers::per_second));
    report.figure("at_once_p50_ms", "ms", figures(&taken.at_once, 50));
    report.figure("at_once_p99_ms", "ms", figures(&taken.at_once, 99));
    report.figure("at_once_per_second", "1/s", taken.at_once.iter().map(Answers::per_second));
    report.figure("burst_ms", "ms", taken.burst_ms.iter().copied());
    report.figure("budgets_p50_ms", "ms", figures(&taken.budgets, 50));
    report.figure("budgets_ms", "ms", taken.budgets.iter().map(Answers::all_ms));
    report
}
