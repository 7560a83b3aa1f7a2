//! `kafka`: records of one topic through three pure steps to another, without a journal, with one,
//! and by Redpanda Connect with three mappings.
//!
//! The input lies there before anybody starts. Measured is from when a tenth of the outputs is on
//! the brokers until all are, so that neither starting nor joining the group counts.

pub(crate) mod cluster;
mod outputs;
pub(crate) mod worker;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::cluster::{Cluster, PATIENCE};
use self::worker::{Durability, Worker};
use crate::clock::{Case, rounds};
use crate::report::Report;
use crate::server::Target;
use crate::{Options, Outcome};

/// How often it is looked how far the outputs are.
const LOOK: Duration = Duration::from_millis(20);

/// Kafka to three steps to Kafka, beside Redpanda Connect [count: records, 200000]
#[derive(Debug, clap::Args)]
pub(crate) struct Kafka {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    cluster: Cluster,
    /// The program of Redpanda Connect; without it only ours are measured
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,
}

/// Who does the work.
#[derive(Debug, Clone, Copy)]
enum Who {
    Ours(Durability),
    Peer,
}

impl Who {
    /// Keys of the figures: records a second, of CPU, time of CPU each, most memory.
    fn keys(self) -> [&'static str; 4] {
        match self {
            Self::Ours(Durability::None) => {
                ["none_per_second", "none_per_cpu_second", "none_cpu_us", "none_peak_mib"]
            }
            Self::Ours(Durability::Journal) => {
                ["journal_per_second", "journal_per_cpu_second", "journal_cpu_us", "journal_peak_mib"]
            }
            Self::Peer => ["peer_per_second", "peer_per_cpu_second", "peer_cpu_us", "peer_peak_mib"],
        }
    }

    /// Keys of the comparisons with the peer: records a second, and of CPU.
    fn compared(self) -> [&'static str; 2] {
        match self {
            Self::Ours(Durability::None) => ["none_to_peer", "none_to_peer_of_cpu"],
            Self::Ours(Durability::Journal) => ["journal_to_peer", "journal_to_peer_of_cpu"],
            Self::Peer => ["peer_to_peer", "peer_to_peer_of_cpu"],
        }
    }
}

/// What one round took.
#[derive(Debug, Clone, Copy)]
struct Took {
    records: u64,
    wall: Duration,
    cpu: Duration,
    peak_mib: f64,
}

impl Took {
    fn per_second(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }

    fn per_cpu_second(&self) -> f64 {
        self.records as f64 / self.cpu.as_secs_f64()
    }
}

impl Kafka {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(200_000);
        let input = cluster::name("input");
        self.cluster.make(&[&input], &[])?;
        self.cluster.fill(&input, count)?;
        let mut whose = vec![Who::Ours(Durability::None), Who::Ours(Durability::Journal)];
        whose.extend(self.peer.is_some().then_some(Who::Peer));
        let cases = whose.iter().map(|who| -> Case<'_, Took> {
            let input = input.as_str();
            Box::new(move || self.round(*who, input, count, options))
        });
        let taken = rounds(options.rounds, cases.collect());
        self.cluster.remove(&[&input])?;
        Ok(report(&whose, &taken?, count))
    }

    fn round(&self, who: Who, input: &str, count: u64, options: &Options) -> Result<Took, String> {
        let output = cluster::name("output");
        self.cluster.make(&[&output], &[])?;
        let watch = self.cluster.watch(&output)?;
        let worker = match who {
            Who::Ours(durability) => Worker::ours(&self.target, &self.cluster, durability, (input, &output))?,
            Who::Peer => Worker::peer(self.peer.as_deref(), &self.cluster, (input, &output))?,
        };
        let process = worker.process();
        let reach = |wanted: u64| {
            let mut last = (0, Instant::now());
            loop {
                let found = watch.count()?;
                if found >= wanted {
                    return Ok((found, Instant::now(), process.cpu()?));
                }
                if found > last.0 {
                    last = (found, Instant::now());
                } else if last.1.elapsed() > PATIENCE {
                    return Err(format!("nothing more comes after {found} of {count} outputs ({who:?})"));
                }
                std::thread::sleep(LOOK);
            }
        };
        let (first, began, cpu) = reach(count.div_ceil(10))?;
        let (last, ended, cpu_ended) = reach(count)?;
        let took = Took {
            records: last - first,
            wall: ended - began,
            cpu: cpu_ended.saturating_sub(cpu),
            peak_mib: process.peak_mib()?,
        };
        drop(worker);
        // Several threads may write the peer's outputs in another order, which is a setting of ours.
        let in_order = matches!(who, Who::Ours(_));
        outputs::check(&self.cluster.read(&output)?, count, in_order, options.check())?;
        self.cluster.remove(&[&output])?;
        Ok(took)
    }
}

fn report(whose: &[Who], taken: &[Vec<Took>], count: u64) -> Report {
    let about = format!("{count} records through three steps, {} partitions", cluster::PARTITIONS);
    let mut report = Report::new("kafka", about);
    for (who, taken) in whose.iter().zip(taken) {
        let [per_second, per_cpu_second, cpu_us, peak_mib] = who.keys();
        report.figure(per_second, "records/s", taken.iter().map(Took::per_second));
        report.figure(per_cpu_second, "records/s of CPU", taken.iter().map(Took::per_cpu_second));
        report.figure(cpu_us, "µs of CPU", taken.iter().map(|took| 1e6 / took.per_cpu_second()));
        report.figure(peak_mib, "MiB", taken.iter().map(|took| took.peak_mib));
    }
    if let [ours @ .., peer] = taken
        && matches!(whose, [.., Who::Peer])
    {
        for (who, ours) in whose.iter().zip(ours) {
            let [in_time, of_cpu] = who.compared();
            let pairs = || ours.iter().zip(peer);
            report.figure(in_time, "ratio", pairs().map(|(our, peer)| our.per_second() / peer.per_second()));
            let of_cpus = pairs().map(|(our, peer)| our.per_cpu_second() / peer.per_cpu_second());
            report.figure(of_cpu, "ratio", of_cpus);
        }
    }
    report
}
