//! What happens in a run, as lines.

use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::value::to_json;
use pathway_engine::vm::{Change, Effect, Trace};

use super::mask::Mask;
use super::style::{Mark, Style, duration, line};
use crate::runner::Observed;

/// Characters of a name, at most, that others are aligned with.
const WIDEST: usize = 40;
/// Characters of what follows a name.
const REST: usize = 200;
/// Characters of emitted text before it is broken.
const TEXT: usize = 100;
/// Running steps that are shown.
const SHOWN: usize = 8;

/// The state of a run as far as it is shown.
#[derive(Debug)]
pub(super) struct Progress {
    style: Style,
    width: usize,
    /// Runs under way and how the names of their steps begin.
    runs: Vec<(String, String)>,
    running: Vec<Running>,
    /// Since when the first item of an `each` runs, by run and instance.
    fans: Vec<(String, String, Timestamp)>,
    /// Emitted text of which the line is not complete.
    text: String,
    /// Steps that emit text piece by piece, by run and instance.
    streams: Vec<(String, String)>,
}

#[derive(Debug)]
struct Running {
    run: String,
    instance: String,
    since: Timestamp,
    attempt: u32,
    /// It failed, and the run goes on regardless.
    failed: bool,
}

impl Progress {
    /// `names` are those of the steps that will be shown.
    pub(super) fn new<'a>(style: Style, names: impl Iterator<Item = &'a str>) -> Self {
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0).clamp(16, WIDEST);
        Self {
            style,
            width,
            runs: Vec::new(),
            running: Vec::new(),
            fans: Vec::new(),
            text: String::new(),
            streams: Vec::new(),
        }
    }

    /// The lines that say it.
    pub(super) fn lines(&mut self, observed: &Observed, mask: &Mask) -> Vec<String> {
        let mut lines = Vec::new();
        match observed {
            Observed::Began { run, pathway } => {
                let prefix = if self.runs.is_empty() { String::new() } else { format!("{pathway} › ") };
                self.runs.push((run.clone(), prefix));
            }
            Observed::Step { run, trace } => {
                if !matches!(trace.change, Change::Begun { .. }) && self.is_stream(run, &trace.instance) {
                    lines.extend(self.rest_of_text());
                }
                lines.extend(self.step(run, trace, mask));
            }
            Observed::Emitted { value, .. } => match value.as_str() {
                Some(text) => self.text.push_str(text),
                None => {
                    lines.extend(self.rest_of_text());
                    let text = line(&mask.value(value).to_string(), REST);
                    lines.push(format!("  {} {text}", self.style.mark(Mark::Emitted)));
                }
            },
            Observed::Published { topic, value, .. } => {
                let value = mask.text(&to_json(value));
                let text = format!("published to `{topic}`: {value}");
                let mark = self.style.mark(Mark::Published);
                lines.push(format!("  {mark} {}; nobody reads it in a lone run", line(&text, REST)));
            }
            Observed::Ended { run, .. } => {
                self.running.retain(|step| step.run != *run);
                if self.runs.first().is_some_and(|(root, _)| root != run) {
                    self.runs.retain(|(known, _)| known != run);
                }
            }
            Observed::Asked { run, effect } => {
                if let Effect::Http { instance, request, .. } = effect
                    && request.stream.emit
                {
                    self.streams.push((run.clone(), instance.to_string()));
                }
            }
        }
        let mut text = self.whole_text();
        text.append(&mut lines);
        text
    }

    fn step(&mut self, run: &str, trace: &Trace, mask: &Mask) -> Option<String> {
        let place = self.running.iter().position(|step| step.run == run && step.instance == trace.instance);
        match &trace.change {
            Change::Begun { attempt } => {
                match place.and_then(|n| self.running.get_mut(n)) {
                    Some(step) => step.attempt = *attempt,
                    None => self.begin(run, trace, *attempt),
                }
                None
            }
            Change::Chose { .. } => None,
            Change::Retrying { attempt, at, failure } => {
                let wait = duration(between(trace.at, *at));
                let why = format!("{}: {}", failure.class.name(), mask.text(&failure.message));
                Some(self.line(
                    Mark::Retry,
                    run,
                    &trace.instance,
                    &format!("attempt {} in {wait}: {why}", attempt + 1),
                ))
            }
            Change::Finished { .. } => {
                let step = place.map(|n| self.running.remove(n));
                if step.as_ref().is_some_and(|step| step.failed) {
                    return None;
                }
                let since = step.map(|step| step.since).or_else(|| self.end_of_fan(run, &trace.instance));
                let time = since.map_or(Duration::ZERO, |since| between(since, trace.at));
                Some(self.line(Mark::Done, run, &trace.instance, &format!("{:>8}", duration(time))))
            }
            Change::Failed { failure } => {
                let time = place.and_then(|n| self.running.get_mut(n)).map_or(Duration::ZERO, |step| {
                    step.failed = true;
                    between(step.since, trace.at)
                });
                let why = format!("{}: {}", failure.class.name(), mask.text(&failure.message));
                let rest = format!("{:>8}  {why}", duration(time));
                Some(self.line(Mark::Failed, run, &trace.instance, &rest))
            }
            Change::Skipped => Some(self.line(Mark::Skipped, run, &trace.instance, " skipped")),
            Change::Kept { .. } => Some(self.line(Mark::Done, run, &trace.instance, " kept")),
            Change::Cancelled => {
                place.map(|n| self.running.remove(n));
                Some(self.line(Mark::Cancelled, run, &trace.instance, " cancelled"))
            }
        }
    }

    fn begin(&mut self, run: &str, trace: &Trace, attempt: u32) {
        if let Some((fan, item)) = trace.instance.rsplit_once('[')
            && item.ends_with(']')
            && !self.fans.iter().any(|(known, name, _)| known == run && name == fan)
        {
            self.fans.push((run.to_owned(), fan.to_owned(), trace.at));
        }
        self.running.push(Running {
            run: run.to_owned(),
            instance: trace.instance.clone(),
            since: trace.at,
            attempt,
            failed: false,
        });
    }

    fn end_of_fan(&mut self, run: &str, instance: &str) -> Option<Timestamp> {
        let place = self.fans.iter().position(|(known, name, _)| known == run && name == instance)?;
        Some(self.fans.remove(place).2)
    }

    /// Whether a step emitted piece by piece; it does so no more.
    fn is_stream(&mut self, run: &str, instance: &str) -> bool {
        let place = self.streams.iter().position(|(known, name)| known == run && name == instance);
        place.map(|n| self.streams.remove(n)).is_some()
    }

    fn line(&self, mark: Mark, run: &str, instance: &str, rest: &str) -> String {
        let prefix = self.runs.iter().find(|(known, _)| known == run).map_or("", |(_, prefix)| prefix);
        let name = line(&format!("{prefix}{instance}"), REST);
        let pad = " ".repeat(self.width.saturating_sub(name.chars().count()));
        format!("  {} {name}{pad} {}", self.style.mark(mark), line(rest, REST)).trim_end().to_owned()
    }

    /// What is running now.
    pub(super) fn running(&self, now: Timestamp) -> Vec<String> {
        let live: Vec<&Running> = self.running.iter().filter(|step| !step.failed).collect();
        let mut lines: Vec<String> = live
            .iter()
            .take(SHOWN)
            .map(|step| {
                let time = format!("{:>8}", duration(between(step.since, now)));
                let attempt =
                    if step.attempt > 1 { format!("  attempt {}", step.attempt) } else { String::new() };
                self.line(Mark::Running, &step.run, &step.instance, &format!("{time}{attempt}"))
            })
            .collect();
        if live.len() > SHOWN {
            lines.push(format!("    … {} more", live.len() - SHOWN));
        }
        if !self.text.is_empty() {
            lines.insert(0, self.text_line(&self.text));
        }
        lines
    }

    /// Emitted lines that are complete, or too long to wait for their end.
    fn whole_text(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let end = match self.text.find('\n') {
                Some(end) => end + 1,
                None => match self.text.char_indices().nth(TEXT) {
                    Some((limit, _)) => {
                        let head = self.text.get(..limit).unwrap_or_default();
                        head.rfind(' ').map_or(limit, |space| space + 1)
                    }
                    None => return lines,
                },
            };
            let rest = self.text.split_off(end);
            let whole = std::mem::replace(&mut self.text, rest);
            lines.push(self.text_line(&whole));
        }
    }

    /// Emitted text of which no more comes, for now.
    pub(super) fn rest_of_text(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.text);
        (!text.is_empty()).then(|| self.text_line(&text))
    }

    fn text_line(&self, text: &str) -> String {
        let text = line(text.trim_end_matches(['\n', '\r', ' ']), usize::MAX);
        format!("  {} {text}", self.style.mark(Mark::Emitted)).trim_end().to_owned()
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
