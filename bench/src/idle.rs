//! `idle`: memory and time of the processor that a server takes while nobody asks for anything.

use std::time::{Duration, Instant};

use crate::report::Report;
use crate::server::Target;
use crate::{Options, Outcome};

/// How long a server has to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// Memory and CPU of `pathway serve` when idle [count: seconds of a round, 5]
#[derive(Debug, clap::Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    target: Target,
}

impl Idle {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let seconds = options.count(5);
        let server = self.target.start()?;
        options.check().same("GET /livez", &server.get("/livez")?, "HTTP/1.1 200 OK")?;
        std::thread::sleep(SETTLE);
        let process = server.process();
        let (mut memory, mut share, mut wakes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let (began, cpu, woken) = (Instant::now(), process.cpu_of_threads()?, process.wakes()?);
            std::thread::sleep(Duration::from_secs(seconds));
            let elapsed = began.elapsed().as_secs_f64();
            // A thread that has ended takes with it what it had used.
            share.push(process.cpu_of_threads()?.saturating_sub(cpu).as_secs_f64() / elapsed * 100.0);
            wakes.push(process.wakes()?.saturating_sub(woken) as f64 / elapsed);
            memory.push(process.resident_mib()?);
        }
        let mut report = Report::new("idle", format!("`pathway serve` at rest, {seconds} s a round"));
        report.figure("resident_mib", "MiB", memory);
        report.figure("cpu_percent", "% of a core", share);
        report.figure("wakes_per_second", "1/s", wakes);
        Ok(report)
    }
}
