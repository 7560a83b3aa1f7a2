//! Runs as tables and sentences.

use std::fmt::Write;

use jiff::Timestamp;

use crate::cli::table::aligned;
use crate::operations::{Detail, Failed, Step, StepStatus, Summary, Waits};

/// A line per run.
pub(in crate::cli) fn table(runs: &[Summary]) -> String {
    let mut rows = vec![["ID", "PATHWAY", "STATUS", "ADMITTED", "FAILED AT", "WHY"].map(str::to_owned)];
    for run in runs {
        let failure = run.failure.as_ref();
        rows.push([
            run.id.clone(),
            run.pathway.clone(),
            run.now().to_owned(),
            time(run.created_at),
            failure.and_then(|failure| failure.step.clone()).unwrap_or_else(|| "-".to_owned()),
            failure.map_or_else(|| "-".to_owned(), said),
        ]);
    }
    aligned(&rows)
}

/// All of a run.
pub(super) fn run(run: &Detail) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ok = writeln!(text, "{name:<10}{value}");
    };
    let summary = &run.summary;
    line("run", &summary.id);
    line("pathway", &summary.pathway);
    line("status", summary.now());
    line("admitted", &time(summary.created_at));
    if summary.finished_at.is_some() {
        line("ended", &time(summary.finished_at));
    }
    for (name, value) in [("subject", &summary.subject), ("lane", &summary.lane)] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    if let Some((topic, partition, offset)) = &summary.source {
        line("from", &format!("{topic}, partition {partition}, offset {offset}"));
    }
    if let Some(old) = &summary.rerun_of {
        line("again", &format!("what {old} did"));
    }
    for new in &run.reruns {
        line("rerun", &format!("as {new}"));
    }
    if let Some(failure) = &summary.failure {
        line("failed", &said(failure));
    }
    for waits in &run.waits {
        line("waits", &format!("for {}", wait(waits)));
    }
    if !run.steps.is_empty() {
        let _ok = write!(text, "\n{}", steps(&run.steps));
    }
    if run.steps_omitted > 0 {
        let _ok = write!(text, "\n… and {} more", run.steps_omitted);
    }
    if let Some(why) = &run.untold {
        let _ok = write!(text, "\n{why}");
    }
    text.trim_end().to_owned()
}

fn steps(steps: &[Step]) -> String {
    let mut rows = vec![["STEP", "STATUS", "ATTEMPTS", "WHY"].map(str::to_owned)];
    for step in steps {
        let why = step.failure.as_ref().map_or_else(|| "-".to_owned(), said);
        rows.push([step.path.clone(), step.status.name().to_owned(), step.attempts.to_string(), why]);
    }
    aligned(&rows)
}

/// What a run waits for, a line each.
pub(super) fn why(run: &Detail) -> String {
    let mut lines: Vec<String> =
        run.waits.iter().map(|waits| format!("it waits for {}", wait(waits))).collect();
    for step in run.steps.iter().filter(|step| step.status == StepStatus::Retrying) {
        let message = step.failure.as_ref().map_or_else(String::new, said);
        let at = time(step.retry_at);
        lines.push(format!(
            "`{}` failed {} times, the next attempt is at {at}: {message}",
            step.path, step.attempts
        ));
    }
    if lines.is_empty() {
        let failure = run.summary.failure.as_ref().map(|failure| format!(": {}", said(failure)));
        let untold = run.untold.as_ref().map(|why| format!(": {why}"));
        let why = failure.or(untold).unwrap_or_default();
        lines.push(format!("it waits for nothing, and is {}{why}", run.summary.now()));
    }
    lines.join("\n")
}

fn wait(waits: &Waits) -> String {
    let name = waits.name.as_deref().unwrap_or_default();
    let mut text = match waits.what.as_str() {
        "elsewhere" => format!("what the worker knows that has {name}: ask that one"),
        "lane" => format!("the run before it in the lane `{name}`"),
        "slot" => format!("a slot of {name}"),
        "circuit" => format!("the circuit of `{name}`, which is open"),
        "call" => format!("an answer of `{name}`"),
        "signal" => format!("the signal `{name}`"),
        "claim" => format!("its claim to `{name}`"),
        "run" => format!("a run of `{name}`"),
        _ => "a timer".to_owned(),
    };
    if let Some(step) = &waits.step {
        text.push_str(&format!(", in step `{step}`"));
    }
    if let Some(attempt) = waits.attempt.filter(|attempt| *attempt > 1) {
        text.push_str(&format!(", attempt {attempt}"));
    }
    if waits.until.is_some() {
        text.push_str(&format!(", until {}", time(waits.until)));
    }
    if !waits.holders.is_empty() {
        text.push_str(&format!("; held by {}", waits.holders.join(", ")));
    }
    text
}

fn said(failure: &Failed) -> String {
    format!("{}: {}", failure.class, failure.message)
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}
