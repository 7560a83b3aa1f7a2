//! `start`: from making the process to the moment when it says that it is ready.

use crate::report::Report;
use crate::server::Target;
use crate::{Options, Outcome};

/// From starting `pathway serve` until it is ready [count: starts of a round, 10]
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    target: Target,
}

impl Start {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(10);
        let mut taken = Vec::new();
        for round in 0..=options.rounds {
            for _ in 0..count {
                let server = self.target.start()?;
                options.check().same("GET /livez", &server.get("/livez")?, "HTTP/1.1 200 OK")?;
                if round > 0 {
                    taken.push(server.ready_after.as_secs_f64() * 1e3);
                }
            }
        }
        let mut report = Report::new("start", format!("{} starts of `pathway serve`", taken.len()));
        report.figure("ready_ms", "ms", taken);
        Ok(report)
    }
}
