//! `soak`: full load on Kafka for a long time: whether the memory of the server stays where it is.
//!
//! Whoever fills the input is never far ahead of the outputs, so neither disk nor brokers fill up.

use std::time::{Duration, Instant};

use crate::kafka::cluster::{self, Cluster, PATIENCE};
use crate::kafka::worker::{Durability, Worker};
use crate::report::Report;
use crate::server::Target;
use crate::{Options, Outcome};

/// Between two looks at the memory.
const SAMPLE: Duration = Duration::from_secs(5);
/// Between two looks at how far the outputs are.
const LOOK: Duration = Duration::from_millis(50);
/// Records that may wait.
const AHEAD: u64 = 50_000;
/// Records handed in between two looks.
const CHUNK: u64 = 5_000;
/// The first part of the time, in which memory is still taken.
const WARM: u32 = 5;
/// The brokers keep no more than this.
const KEPT: [(&str, &str); 2] = [("retention.bytes", "67108864"), ("segment.bytes", "33554432")];

/// Memory of a server under full load on Kafka [count: seconds, 600]
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    cluster: Cluster,
    /// Instead of seconds as the count
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,
    /// Whether runs have a journal, which stays on the disk
    #[arg(long, value_enum, default_value = "none")]
    durability: Durability,
}

impl Soak {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let time =
            Duration::from_secs(self.minutes.map_or_else(|| options.count(600), |minutes| minutes * 60));
        let (input, output) = (cluster::name("input"), cluster::name("output"));
        self.cluster.make(&[&input, &output], &KEPT)?;
        let watch = self.cluster.watch(&output)?;
        let worker = Worker::ours(&self.target, &self.cluster, self.durability, (&input, &output))?;
        let process = worker.process();
        let filling = self.cluster.filling(&input)?;
        let mut samples = Vec::new();
        let (mut handed_in, mut done) = (0, (0, Instant::now()));
        let began = Instant::now();
        while began.elapsed() < time {
            let found = watch.count()?;
            if found > done.0 {
                done = (found, Instant::now());
            } else if done.1.elapsed() > PATIENCE {
                return Err(format!("nothing more comes after {found} outputs"));
            }
            if handed_in < found + AHEAD {
                (handed_in..handed_in + CHUNK).try_for_each(|n| filling.add(n))?;
                handed_in += CHUNK;
            } else {
                std::thread::sleep(LOOK);
            }
            let due = SAMPLE.min(time / 20) * u32::try_from(samples.len()).unwrap_or(u32::MAX);
            if began.elapsed() >= due {
                samples.push((began.elapsed().as_secs_f64() / 60.0, process.resident_mib()?));
            }
        }
        let rate = done.0 as f64 / began.elapsed().as_secs_f64();
        filling.end()?;
        while watch.count()? < handed_in {
            if done.1.elapsed() > PATIENCE + time {
                return Err("the outputs of what was handed in last are missing".to_owned());
            }
            std::thread::sleep(LOOK);
        }
        let outputs = watch.count()?;
        options.check().same("a topic", &outputs.to_string(), &handed_in.to_string())?;
        drop(worker);
        self.cluster.remove(&[&input, &output])?;
        let warm = samples.len() / WARM as usize;
        let steady = samples.get(warm..).unwrap_or_default();
        let about = format!("{} s of full load on Kafka, durability {:?}", time.as_secs(), self.durability);
        let mut report = Report::new("soak", about);
        report.figure("records_per_second", "records/s", [rate]);
        report.figure("resident_mib", "MiB", steady.iter().map(|(_, mib)| *mib));
        report.figure("first_mib", "MiB", steady.first().map(|(_, mib)| *mib));
        report.figure("last_mib", "MiB", steady.last().map(|(_, mib)| *mib));
        report.figure("slope_mib_per_minute", "MiB/min", [slope(steady)]);
        report.figure("peak_mib", "MiB", samples.iter().map(|(_, mib)| *mib).reduce(f64::max));
        Ok(report)
    }
}

/// How fast the second rises with the first: the line with the least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / count, sum.1 + y / count));
    let (both, of_x) = samples.iter().fold((0.0, 0.0), |(both, of_x), (x, y)| {
        (both + (x - mean.0) * (y - mean.1), of_x + (x - mean.0).powi(2))
    });
    if of_x > 0.0 { both / of_x } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_through_the_samples() {
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]), 2.0);
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 5.0)]), 0.0);
        assert_eq!(slope(&[(1.0, 5.0)]), 0.0);
    }
}
