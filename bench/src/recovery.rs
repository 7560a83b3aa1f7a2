//! `recovery`: many runs that wait for a signal, the server killed under them, and started again: how
//! long it takes until it is ready, and until the run that was admitted last goes on; then all of
//! them are let go, and each must end with what it has to say.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::echo::Echo;
use crate::process::Process;
use crate::project::Project;
use crate::report::Report;
use crate::server::{Server, Target};
use crate::wire::{self, Message};
use crate::{Check, Options, Outcome, callers, order};

/// The runs.
const WAITS: &str = include_str!("../pathways/waits.pathway.yaml");
/// Who starts, signals and asks for them at once.
const CALLERS: usize = 256;
/// How long runs may take to come to where they wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// A kill under runs that wait, and what comes after it [count: runs, 100000]
#[derive(Debug, clap::Args)]
pub(crate) struct Recovery {
    #[command(flatten)]
    target: Target,
}

/// What one round found.
#[derive(Debug, Default)]
struct Took {
    empty_ready_ms: f64,
    waiting_mib: f64,
    ready_ms: f64,
    last_ms: f64,
    ready_mib: f64,
    let_go_per_second: f64,
    peak_mib: f64,
}

impl Recovery {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(100_000);
        let mut taken = Vec::new();
        for round in 0..=options.rounds {
            let took = self.round(count, options.check())?;
            taken.extend((round > 0).then_some(took));
        }
        let mut report = Report::new("recovery", format!("{count} runs that wait for a signal"));
        let mut of = |key, unit, figure: fn(&Took) -> f64| {
            report.figure(key, unit, taken.iter().map(figure));
        };
        of("empty_ready_ms", "ms", |took| took.empty_ready_ms);
        of("waiting_mib", "MiB", |took| took.waiting_mib);
        of("ready_ms", "ms", |took| took.ready_ms);
        of("last_ms", "ms", |took| took.last_ms);
        of("ready_mib", "MiB", |took| took.ready_mib);
        of("let_go_per_second", "runs/s", |took| took.let_go_per_second);
        of("peak_mib", "MiB", |took| took.peak_mib);
        Ok(report)
    }

    fn round(&self, count: u64, check: Check) -> Result<Took, String> {
        let echo = Echo::start()?;
        let settings =
            format!("log: {{ level: warn }}\nservices: {{ echo: {{ url: \"http://{}\" }} }}\n", echo.address);
        let project = Project::new(&settings, WAITS)?;
        let first = self.target.start_with(Some(&project.file()), &[])?;
        let empty_ready_ms = millis(first.ready_after);
        let runs = begin(&first, count)?;
        let began = Instant::now();
        while echo.answered() < count {
            if began.elapsed() > PATIENCE {
                return Err(format!("only {} of {count} runs wait", echo.answered()));
            }
            std::thread::sleep(LOOK);
        }
        let waiting_mib = first.process().resident_mib()?;
        let data = first.data.clone();
        drop(first);

        let again = Instant::now();
        let server = self.target.start_on(data, Some(&project.file()), &[])?;
        let last = runs.last().ok_or("no runs")?;
        let answers = ask(&server, vec![signal(&server, last, count - 1), result(&server, last)])?;
        let last_ms = millis(again.elapsed());
        answers.last().ok_or("no answer".to_owned()).and_then(|said| right(count - 1, said, check))?;
        let Process(id) = server.process();
        let ready_mib = Process(id).resident_mib()?;

        let let_go = Instant::now();
        let others = runs.get(..runs.len() - 1).unwrap_or_default();
        let signals = (0..).zip(others).map(|(n, run)| signal(&server, run, n));
        for said in ask_all(&server, signals.collect())? {
            accepted(&said)?;
        }
        let results = ask_all(&server, others.iter().map(|run| result(&server, run)).collect())?;
        let took = let_go.elapsed();
        (0..).zip(&results).try_for_each(|(n, said)| right(n, said, check))?;
        Ok(Took {
            empty_ready_ms,
            waiting_mib,
            ready_ms: millis(server.ready_after),
            last_ms,
            ready_mib,
            let_go_per_second: others.len() as f64 / took.as_secs_f64(),
            peak_mib: server.process().peak_mib()?,
        })
    }
}

/// Starts the runs; their ids.
fn begin(server: &Server, count: u64) -> Result<Vec<String>, String> {
    let requests = (0..count).map(|n| wire::post(&server.address, "/run", &order::input(n)));
    ask_all(server, requests.collect())?.iter().map(accepted).collect()
}

/// The id of a run that will go on.
fn accepted(said: &Message) -> Result<String, String> {
    let body: Value = serde_json::from_slice(&said.body).unwrap_or_default();
    match body.get("id").and_then(Value::as_str) {
        Some(id) if said.line.starts_with("HTTP/1.1 202") => Ok(id.to_owned()),
        _ => Err(format!("{}: {body}", said.line)),
    }
}

fn signal(server: &Server, run: &str, n: u64) -> Vec<u8> {
    let word = json!({"word": word(n)}).to_string();
    wire::post(&server.address, &format!("/api/runs/{run}/signals/go"), &word)
}

fn word(n: u64) -> String {
    format!("go on, {n}")
}

/// Asks for a run once it is over.
fn result(server: &Server, run: &str) -> Vec<u8> {
    wire::get(&server.address, &format!("/api/runs/{run}?wait=60"))
}

fn ask(server: &Server, requests: Vec<Vec<u8>>) -> Result<Vec<Message>, String> {
    callers::ask(&server.address, requests, 1).map(|(_, said)| said)
}

fn ask_all(server: &Server, requests: Vec<Vec<u8>>) -> Result<Vec<Message>, String> {
    let callers = CALLERS.min(requests.len());
    callers::ask(&server.address, requests, callers).map(|(_, said)| said)
}

/// Refuses another result than that of the `n`th run.
fn right(n: u64, said: &Message, check: Check) -> Result<(), String> {
    let [.., mut expected] = order::outputs(n);
    if let Some(map) = expected.as_object_mut() {
        map.insert("word".to_owned(), word(n).into());
    }
    let body: Value = serde_json::from_slice(&said.body).unwrap_or_default();
    let found = body.get("result").unwrap_or(&body);
    check.same("a run", &format!("{} {found}", said.line), &format!("HTTP/1.1 200 OK {expected}"))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
