//! `durable`: runs of three steps from one caller, from 32 and from 256, each of whom waits for the
//! answer before it asks again; steps that compute, and steps that call a service. Beside Restate
//! where it is given.

mod peer;
mod side;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use self::side::{Side, Who, Work};
use crate::clock::{Case, rounds};
use crate::echo::Echo;
use crate::load::Answers;
use crate::report::Report;
use crate::server::Target;
use crate::wire::Message;
use crate::{Check, Options, Outcome, callers, order, wire};

/// How many callers, and what part of the runs is theirs: few take longer for as many.
const LEVELS: [(usize, u64); 3] = [(1, 20), (32, 2), (MANY, 1)];
const MANY: usize = 256;
/// The part of the runs that goes before, to warm up.
const WARM: u64 = 10;

/// Durable runs of three steps [count: runs of a round from 256 callers, 20000]
#[derive(Debug, clap::Args)]
pub(crate) struct Durable {
    #[command(flatten)]
    target: Target,
    /// A folder with `restate-server` and `handler`; without it only ours is measured
    #[arg(long, value_name = "FOLDER")]
    peer: Option<PathBuf>,
    /// Only runs of this kind
    #[arg(long, value_enum)]
    work: Option<Work>,
}

/// What one round took.
#[derive(Debug)]
struct Took {
    /// By level.
    answers: Vec<Answers>,
    /// With many callers, of a run.
    cpu: Duration,
    kept: f64,
    written: f64,
    peak_mib: f64,
}

impl Durable {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(20_000);
        let echo = Echo::start()?;
        let mut whose = vec![Who::Ours];
        whose.extend(self.peer.is_some().then_some(Who::Peer));
        let works = self.work.map_or(vec![Work::Pure, Work::Calls], |work| vec![work]);
        let cases: Vec<(Work, Who)> =
            works.iter().flat_map(|work| whose.iter().map(|who| (*work, *who))).collect();
        let measured = cases.iter().map(|&(work, who)| -> Case<'_, Took> {
            let echo = &echo;
            Box::new(move || self.round(work, who, echo, count, options.check()))
        });
        let taken = rounds(options.rounds, measured.collect())?;
        let mut report = Report::new("durable", format!("{count} runs of three steps from {MANY} callers"));
        for (&(work, who), taken) in cases.iter().zip(&taken) {
            figures(&mut report, work, who, taken);
        }
        for ((&(work, who), ours), peer) in cases.iter().zip(&taken).zip(taken.iter().skip(1)) {
            if who == Who::Ours && self.peer.is_some() {
                compare(&mut report, work, ours, peer);
            }
        }
        Ok(report)
    }

    fn round(&self, work: Work, who: Who, echo: &Echo, count: u64, check: Check) -> Result<Took, String> {
        let side = match who {
            Who::Ours => Side::ours(&self.target, work, &echo.address)?,
            Who::Peer => Side::peer(self.peer.as_deref(), work, &echo.address)?,
        };
        let mut next = 0;
        let mut ask = |callers: usize, count: u64| {
            let of = next..next + count;
            next += count;
            let request = |n| wire::post(side.address(), side.path(), &order::input(n));
            let (answers, said) = callers::ask(side.address(), of.clone().map(request).collect(), callers)?;
            of.zip(&said).try_for_each(|(n, said)| right(n, said, check))?;
            Ok::<_, String>(answers)
        };
        ask(MANY, count.div_ceil(WARM))?;
        let mut answers = Vec::with_capacity(LEVELS.len());
        let (mut cpu, mut kept, mut written) = (Duration::ZERO, 0, 0);
        for (callers, part) in LEVELS {
            (cpu, kept, written) = (side.cpu()?, side.kept()?, side.written()?);
            answers.push(ask(callers, count.div_ceil(part))?);
        }
        let each = |bytes: u64, before: u64| bytes.saturating_sub(before) as f64 / count as f64;
        Ok(Took {
            answers,
            cpu: side.cpu()?.saturating_sub(cpu).div_f64(count as f64),
            kept: each(side.kept()?, kept),
            written: each(side.written()?, written),
            peak_mib: side.peak_mib()?,
        })
    }
}

/// Refuses another answer than that of the `n`th input.
fn right(n: u64, said: &Message, check: Check) -> Result<(), String> {
    let [.., expected] = order::outputs(n);
    let found = match serde_json::from_slice::<Value>(&said.body) {
        // The order of the fields is nobody's promise.
        Ok(found) if found == expected => expected.to_string(),
        _ => String::from_utf8_lossy(&said.body).into_owned(),
    };
    check.same("a run", &format!("{} {found}", said.line), &format!("HTTP/1.1 200 OK {expected}"))
}

fn figures(report: &mut Report, work: Work, who: Who, taken: &[Took]) {
    let side = match who {
        Who::Ours => "",
        Who::Peer => "peer_",
    };
    let name = work.name();
    for (level, (callers, _)) in LEVELS.iter().enumerate() {
        let mut of = |what: &str, unit, figure: fn(&Answers) -> f64| {
            let values = taken.iter().filter_map(|took| took.answers.get(level).map(figure));
            report.figure(format!("{side}{name}_{callers}_{what}"), unit, values);
        };
        of("per_second", "runs/s", Answers::per_second);
        of("p50_ms", "ms", |answers| answers.percentile(50));
        of("p99_ms", "ms", |answers| answers.percentile(99));
    }
    let mut of = |what: &str, unit, figure: fn(&Took) -> f64| {
        report.figure(format!("{side}{name}_{what}"), unit, taken.iter().map(figure));
    };
    of("cpu_us", "µs of CPU", |took| took.cpu.as_secs_f64() * 1e6);
    of("kept_bytes", "bytes", |took| took.kept);
    of("written_bytes", "bytes", |took| took.written);
    of("peak_mib", "MiB", |took| took.peak_mib);
}

/// Ours over the peer's, round by round.
fn compare(report: &mut Report, work: Work, ours: &[Took], peer: &[Took]) {
    let name = work.name();
    for (level, (callers, _)) in LEVELS.iter().enumerate() {
        let rate = |took: &Took| took.answers.get(level).map_or(f64::NAN, Answers::per_second);
        let ratios = ours.iter().zip(peer).map(|(our, peer)| rate(our) / rate(peer));
        report.figure(format!("{name}_{callers}_to_peer"), "ratio", ratios);
    }
    let of_cpu = ours.iter().zip(peer).map(|(our, peer)| peer.cpu.as_secs_f64() / our.cpu.as_secs_f64());
    report.figure(format!("{name}_to_peer_of_cpu"), "ratio", of_cpu);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_fields_is_nobodys_promise() {
        let [.., alert] = order::outputs(7);
        let answer = |body: String| Message { line: "HTTP/1.1 200 OK".into(), body: body.into_bytes() };
        let check = Check { spoil: false };
        let swapped = format!(r#"{{"line":{},"over":{}}}"#, alert["line"], alert["over"]);
        assert_ne!(swapped, alert.to_string());
        right(7, &answer(alert.to_string()), check).unwrap();
        right(7, &answer(swapped), check).unwrap();
        right(8, &answer(alert.to_string()), check).unwrap_err();
        right(7, &answer(String::from("{}")), check).unwrap_err();
    }
}
