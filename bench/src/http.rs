//! `http`: round trips through the gateway: a request becomes a record, the record a run, and
//! the run's return the answer. Requests come at a fixed rate, whether or not the answers do.

use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::report::Report;
use crate::server::Target;
use crate::{Check, Options, Outcome, order, pathway};

const PROJECT: &str = "pathways: [pathways/**/*.yaml]\n";
const DOOR: &str = "on: { http: { post: /three, mode: wait, auth: none } }\nsteps:";
/// Requests that warm up.
const WARM: u64 = 200;

/// Round trips through the gateway at a fixed rate [count: requests of a round, 5000]
#[derive(Debug, clap::Args)]
pub(crate) struct Http {
    #[command(flatten)]
    target: Target,
    /// Requests a second
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
}

impl Http {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(5_000);
        let check = options.check();
        let folder = tempfile::tempdir().map_err(text)?;
        let project = folder.path().join("pathway.yaml");
        std::fs::write(&project, PROJECT).map_err(text)?;
        std::fs::create_dir(folder.path().join("pathways")).map_err(text)?;
        let file = folder.path().join("pathways/three.pathway.yaml");
        std::fs::write(file, pathway::THREE.replacen("steps:", DOOR, 1)).map_err(text)?;
        let server = self.target.start_with(Some(&project))?;
        let url = format!("http://{}/three", server.address);
        let client = Client::builder().no_proxy().build().map_err(text)?;
        let runtime = tokio::runtime::Runtime::new().map_err(text)?;

        let mut next = 0;
        let (mut half, mut most, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=options.rounds {
            let runs = if round == 0 { WARM.min(count) } else { count };
            let (mut taken, rate) =
                runtime.block_on(send(&client, &url, next..next + runs, self.rate, check))?;
            next += runs;
            if round > 0 {
                taken.sort();
                half.push(share(&taken, 50));
                most.push(share(&taken, 99));
                rates.push(rate);
            }
        }
        let about = format!("{count} requests a round, {} a second, three pure steps each", self.rate);
        let mut report = Report::new("http", about);
        report.figure("p50_ms", "ms", half);
        report.figure("p99_ms", "ms", most);
        report.figure("answers_per_second", "1/s", rates);
        Ok(report)
    }
}

/// Sends a request for each of `runs`, `rate` a second; answers how long each took and how many
/// were answered a second.
async fn send(
    client: &Client,
    url: &str,
    runs: std::ops::Range<u64>,
    rate: u64,
    check: Check,
) -> Result<(Vec<Duration>, f64), String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX));
    // A tick that comes late is made up for: the rate holds.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let count = runs.end - runs.start;
    let mut requests = JoinSet::new();
    for n in runs {
        ticks.tick().await;
        let request = client.post(url).header("content-type", "application/json").body(order::input(n));
        requests.spawn(async move {
            let sent = Instant::now();
            let answer = request.send().await.map_err(text)?;
            let status = answer.status();
            let body = answer.text().await.map_err(text)?;
            let took = sent.elapsed();
            let [.., expected] = order::outputs(n);
            check.same("a request", &format!("{status} {body}"), &format!("200 OK {expected}"))?;
            Ok::<_, String>(took)
        });
    }
    let mut taken = Vec::new();
    while let Some(took) = requests.join_next().await {
        taken.push(took.map_err(text)??);
    }
    Ok((taken, count as f64 / began.elapsed().as_secs_f64()))
}

/// What `percent` of the requests took at most, in milliseconds.
fn share(rising: &[Duration], percent: usize) -> f64 {
    let place = (rising.len() * percent).div_ceil(100).saturating_sub(1);
    rising.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
