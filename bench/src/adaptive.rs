//! `adaptive`: a service that does a few calls at a time and slows down steeply beyond, called by many at
//! once: with as many slots as there are callers, with as many as it has room for, and with as many
//! as are found out.

use crate::clock::{Case, rounds};
use crate::load::Answers;
use crate::project::Project;
use crate::report::Report;
use crate::server::Target;
use crate::slowing::Slowing;
use crate::{Check, Options, Outcome, callers, wire};

/// How many calls the service does at a time.
const ROOM: u32 = 8;
/// Callers, each of whom waits for its answer before it asks again.
const CALLERS: usize = 64;
/// The slots of the service, by what a case is called.
const SLOTS: [(&str, &str); 3] =
    [("fixed_64", "64"), ("fixed_8", "8"), ("adaptive", "{ adaptive: true, max: 64 }")];

const PATHWAY: &str = "
pathway: call
on: { http: { post: /run, mode: wait, auth: none } }
steps: { a: { http: { service: slow, get: / } } }
return: { done: true }
";

/// Calls at once of a service that slows down: many, the right number, and found out [count: runs of a round, 1000]
#[derive(Debug, clap::Args)]
pub(crate) struct AdaptiveLimit {
    #[command(flatten)]
    target: Target,
}

/// What one round took.
struct Took {
    answers: Answers,
    at_once: u32,
}

impl AdaptiveLimit {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(1000);
        let cases = SLOTS.iter().map(|(_, slots)| -> Case<'_, Took> {
            Box::new(move || self.round(slots, count, options.check()))
        });
        let taken = rounds(options.rounds, cases.collect())?;
        let about = format!(
            "{count} runs from {CALLERS} callers, each with a call of a service with room for {ROOM}"
        );
        let mut report = Report::new("adaptive", about);
        for ((name, _), taken) in SLOTS.iter().zip(&taken) {
            let mut of = |what: &str, unit, figure: fn(&Took) -> f64| {
                report.figure(format!("{name}_{what}"), unit, taken.iter().map(figure));
            };
            of("per_second", "runs/s", |took| took.answers.per_second());
            of("p50_ms", "ms", |took| took.answers.percentile(50));
            of("p99_ms", "ms", |took| took.answers.percentile(99));
            of("at_once", "calls", |took| f64::from(took.at_once));
        }
        Ok(report)
    }

    /// As many runs as count, after as many that warm up: what is found out was found out by then.
    fn round(&self, slots: &str, count: u64, check: Check) -> Result<Took, String> {
        let service = Slowing::start(ROOM)?;
        let settings = format!(
            "log: {{ level: warn }}\nmax_runs: 256\nservices: {{ slow: {{ url: \"http://{}\", max_parallel: {slots} }} }}\n",
            service.address
        );
        let project = Project::new(&settings, PATHWAY)?;
        let server = self.target.start_with(Some(&project.file()), &[])?;
        server.wait_for_work()?;
        let ask = || {
            let requests = (0..count).map(|_| wire::post(&server.address, "/run", "{}")).collect();
            let (answers, said) = callers::ask(&server.address, requests, CALLERS)?;
            for said in &said {
                let found = format!("{} {}", said.line, String::from_utf8_lossy(&said.body));
                check.same("a run", &found, "HTTP/1.1 200 OK {\"done\":true}")?;
            }
            Ok::<_, String>(answers)
        };
        ask()?;
        service.most();
        let answers = ask()?;
        Ok(Took { answers, at_once: service.most() })
    }
}
