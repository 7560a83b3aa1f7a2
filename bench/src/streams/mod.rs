//! `streams`: many open streams of server-sent events: the memory they take, how long it takes until
//! a record has reached all of them, and whether readers who hardly read hold up the others.

mod listener;
mod speaker;

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use self::listener::{Listener, Slow};
use self::speaker::Speaker;
use crate::project::Project;
use crate::report::Report;
use crate::server::{Server, Target};
use crate::{Options, Outcome};

const PATHWAY: &str = include_str!("../../pathways/say.pathway.yaml");
const FEED: &str = include_str!("../../pathways/said.feed.yaml");
/// Streams that are opened at a time.
const OPENING: usize = 100;
/// Records told to all streams in a round.
const TOLD: u64 = 5;
/// Readers who read, beside those who hardly do.
const QUICK: usize = 50;
/// Readers who read a byte a second.
const SLOW: usize = 5;
/// Records for both, which are more than the system keeps for one of them.
const MANY: u64 = 1_000;
/// Bytes of each.
const LARGE: usize = 8 << 10;
/// Files that are open beside those of the streams.
const FILES: u64 = 512;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Open streams of server-sent events [count: streams, 5000]
#[derive(Debug, clap::Args)]
pub(crate) struct Streams {
    #[command(flatten)]
    target: Target,
}

/// What is measured on.
struct Board {
    server: Server,
    speaker: Speaker,
    options: Options,
}

impl Streams {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(5_000);
        // Of the server too, which inherits it.
        allow_files(count + FILES)?;
        let project = Project::new("log: { level: warn }\n", PATHWAY)?;
        project.add("said.feed.yaml", FEED)?;
        let server = self.target.start_with(Some(&project.file()), &[])?;
        let board = Board { speaker: Speaker::new(&server.address)?, server, options: options.clone() };
        let runtime = tokio::runtime::Runtime::new().map_err(text)?;
        runtime.block_on(board.measure(count))
    }
}

impl Board {
    async fn measure(&self, count: u64) -> Outcome {
        self.speaker.say("nobody", 0..1, 0).await?;
        let process = self.server.process();
        let before = process.resident_mib()?;
        let mut listeners = self.open("all", usize::try_from(count).unwrap_or(usize::MAX)).await?;
        let after = process.resident_mib()?;
        let (mut half, mut all) = (Vec::new(), Vec::new());
        let mut next = 0;
        for _ in 0..=self.options.rounds {
            for n in next..next + TOLD {
                let began = Instant::now();
                self.speaker.say("all", n..n + 1, 0).await?;
                let mut reached = Vec::with_capacity(listeners.len());
                listeners = self.hear(listeners, n..n + 1, &mut reached).await?;
                reached.sort();
                let since = |place: usize| {
                    let at = reached.get(place).copied().unwrap_or(began);
                    at.saturating_duration_since(began).as_secs_f64() * 1e3
                };
                half.push(since(reached.len() / 2));
                all.push(since(reached.len().saturating_sub(1)));
            }
            next += TOLD;
        }
        let used = process.resident_mib()?;
        drop(listeners);
        let [alone, beside] = self.many().await?;
        let mut report = Report::new("streams", format!("{count} open streams of one key"));
        report.figure("before_mib", "MiB", [before]);
        report.figure("open_mib", "MiB", [after]);
        report.figure("used_mib", "MiB", [used]);
        report.figure("stream_kib", "KiB", [(after - before) * 1024.0 / count as f64]);
        report.figure("half_reached_ms", "ms", half);
        report.figure("all_reached_ms", "ms", all);
        report.figure("many_ms", "ms", alone);
        report.figure("many_beside_slow_ms", "ms", beside);
        Ok(report)
    }

    /// How long quick readers take for many records, alone and beside slow ones, by round.
    async fn many(&self) -> Result<[Vec<f64>; 2], String> {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for round in 0..=self.options.rounds {
            for slow in [0, SLOW] {
                let key = format!("many-{round}-{slow}");
                let slow = self.open_slow(&key, slow).await?;
                let listeners = self.open(&key, QUICK).await?;
                let began = Instant::now();
                let mut reached = Vec::with_capacity(QUICK);
                let hearing = self.hear(listeners, 0..MANY, &mut reached);
                let (said, heard) = tokio::join!(self.speaker.say(&key, 0..MANY, LARGE), hearing);
                said.and(heard)?;
                let took = began.elapsed().as_secs_f64() * 1e3;
                if round > 0 {
                    if slow.is_empty() { alone.push(took) } else { beside.push(took) }
                }
            }
        }
        Ok([alone, beside])
    }

    async fn open(&self, key: &str, count: usize) -> Result<Vec<Listener>, String> {
        let mut listeners = Vec::with_capacity(count);
        while listeners.len() < count {
            let mut opening = JoinSet::new();
            for _ in listeners.len()..count.min(listeners.len() + OPENING) {
                opening.spawn(Listener::open(self.server.address.clone(), key.to_owned()));
            }
            while let Some(listener) = opening.join_next().await {
                listeners.push(listener.map_err(text)??);
            }
        }
        Ok(listeners)
    }

    async fn open_slow(&self, key: &str, count: usize) -> Result<Vec<Slow>, String> {
        let mut slow = Vec::with_capacity(count);
        for _ in 0..count {
            slow.push(Slow::open(&self.server.address, key).await?);
        }
        Ok(slow)
    }

    /// Lets everybody hear records `of`, in order; tells when each had heard them.
    async fn hear(
        &self,
        listeners: Vec<Listener>,
        of: std::ops::Range<u64>,
        reached: &mut Vec<Instant>,
    ) -> Result<Vec<Listener>, String> {
        let check = self.options.check();
        let mut hearing = JoinSet::new();
        let count = listeners.len();
        for mut listener in listeners {
            let of = of.clone();
            hearing.spawn(async move {
                for n in of {
                    let heard = listener.hear().await?;
                    check.same("a stream", &heard.to_string(), &n.to_string())?;
                }
                Ok::<_, String>((listener, Instant::now()))
            });
        }
        let mut listeners = Vec::with_capacity(count);
        let all = async {
            while let Some(heard) = hearing.join_next().await {
                let (listener, at) = heard.map_err(text)??;
                listeners.push(listener);
                reached.push(at);
            }
            Ok(listeners)
        };
        let waited = tokio::time::timeout(PATIENCE, all).await;
        waited.unwrap_or_else(|_elapsed| Err("a record did not reach all streams".to_owned()))
    }
}

/// Lets this process and those that it starts open so many files.
fn allow_files(count: u64) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    let current = Some(limit.maximum.map_or(count, |most| most.min(count)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum })
        .map_err(|error| format!("{count} files cannot be opened at once: {error}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
