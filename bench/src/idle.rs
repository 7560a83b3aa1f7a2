//! `idle`: memory and time of the processor that a server takes while nobody asks for anything.

use std::fs;
use std::path::Path;
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
        let facts = server.facts();
        let (mut memory, mut share, mut wakes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let (began, before) = (Instant::now(), Usage::of(&facts)?);
            std::thread::sleep(Duration::from_secs(seconds));
            let (after, elapsed) = (Usage::of(&facts)?, began.elapsed());
            memory.push(after.resident_kib as f64 / 1024.0);
            share.push((after.cpu_nanos - before.cpu_nanos) as f64 / elapsed.as_nanos() as f64 * 100.0);
            wakes.push((after.wakes - before.wakes) as f64 / elapsed.as_secs_f64());
        }
        let mut report = Report::new("idle", format!("`pathway serve` at rest, {seconds} s a round"));
        report.figure("resident_mib", "MiB", memory);
        report.figure("cpu_percent", "% of a core", share);
        report.figure("wakes_per_second", "1/s", wakes);
        Ok(report)
    }
}

/// What a process has used.
struct Usage {
    resident_kib: u64,
    cpu_nanos: u64,
    /// How often its threads went to sleep, and so how often they were woken.
    wakes: u64,
}

impl Usage {
    fn of(process: &Path) -> Result<Self, String> {
        let resident_kib = field(&process.join("status"), "VmRSS:")?;
        let (mut cpu_nanos, mut wakes) = (0, 0);
        for thread in fs::read_dir(process.join("task")).map_err(text)? {
            let thread = thread.map_err(text)?.path();
            let spent = fs::read_to_string(thread.join("schedstat")).map_err(text)?;
            cpu_nanos += spent.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            wakes += field(&thread.join("status"), "voluntary_ctxt_switches:")?;
        }
        Ok(Self { resident_kib, cpu_nanos, wakes })
    }
}

/// The number behind `name` in a file of lines.
fn field(file: &Path, name: &str) -> Result<u64, String> {
    let content = fs::read_to_string(file).map_err(text)?;
    let value = content.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("no `{name}` in {}", file.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
