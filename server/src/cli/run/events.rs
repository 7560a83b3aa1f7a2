//! Progress for programs, on standard output: one JSON object a line.

use std::io;

use pathway_engine::vm::{Change, Failure, Trace};
use serde_json::{Map, Value as Json, json};

use super::super::Terminal;
use super::super::target::Target;
use super::drive::Watcher;
use super::mask::Mask;
use super::seen::Seen;
use crate::runner::Observed;

/// A watcher that prints events.
#[derive(Debug)]
pub(super) struct Events<'a> {
    terminal: Terminal,
    target: &'a Target,
    mask: Mask,
    seen: Seen,
}

impl<'a> Events<'a> {
    pub(super) fn new(terminal: Terminal, target: &'a Target, mask: Mask) -> Self {
        Self { terminal, target, mask, seen: Seen::default() }
    }

    fn step(&self, run: &str, trace: &Trace) -> Json {
        let mut event = Map::new();
        let mut set = |name: &str, value: Json| event.insert(name.to_owned(), value);
        set("event", "step".into());
        set("run", run.into());
        set("step", trace.instance.as_str().into());
        set("at", trace.at.to_string().into());
        match &trace.change {
            Change::Begun { attempt } => {
                set("state", "begun".into());
                set("attempt", (*attempt).into());
            }
            // Its steps tell.
            Change::Chose { .. } => {}
            Change::Retrying { attempt, at, failure } => {
                set("state", "retrying".into());
                set("attempt", (*attempt).into());
                set("next_at", at.to_string().into());
                set("error", self.error(failure));
            }
            Change::Finished { output } | Change::Kept { output } => {
                set("state", "finished".into());
                set("output", self.mask.value(output));
            }
            Change::Skipped => drop(set("state", "skipped".into())),
            Change::Failed { failure } => {
                set("state", "failed".into());
                set("error", self.error(failure));
            }
            Change::Cancelled => drop(set("state", "cancelled".into())),
        }
        Json::Object(event)
    }

    fn error(&self, failure: &Failure) -> Json {
        let sources = &self.target.config.sources;
        let plan = self.seen.origin(failure).map_or(&*self.target.plan, |(_, plan, _)| plan);
        let step = failure.step.as_deref().and_then(|step| plan.place(step));
        let place = failure.place.or(step).map(|span| {
            let place = sources.locate(span);
            json!({"file": sources.path(span.file), "line": place.line, "column": place.column})
        });
        json!({
            "class": failure.class.name(),
            "message": self.mask.text(&failure.message),
            "code": failure.code,
            "status": failure.status,
            "step": failure.step,
            "attempts": failure.attempts,
            "violations": failure.violations,
            "details": failure.details.as_ref().map(|details| self.mask.value(details)),
            "place": place,
        })
    }
}

impl Watcher for Events<'_> {
    fn see(&mut self, observed: &Observed) -> io::Result<()> {
        self.seen.see(observed, self.target, &mut self.mask);
        let event = match observed {
            Observed::Began { run, pathway } => json!({"event": "began", "run": run, "pathway": &**pathway}),
            Observed::Step { trace, .. } if matches!(trace.change, Change::Chose { .. }) => return Ok(()),
            Observed::Step { run, trace } => self.step(run, trace),
            Observed::Asked { .. } => return Ok(()),
            Observed::Emitted { run, value } => {
                json!({"event": "emitted", "run": run, "value": self.mask.value(value)})
            }
            Observed::Published { run, topic, value } => {
                json!({"event": "published", "run": run, "topic": topic, "value": self.mask.value(value)})
            }
            Observed::Ended { run, outcome: Ok(value), .. } => {
                json!({"event": "ended", "run": run, "result": pathway_engine::value::to_serde(value)})
            }
            Observed::Ended { run, outcome: Err(failure), parked } => {
                json!({"event": "ended", "run": run, "error": self.error(failure), "parked": parked})
            }
        };
        self.terminal.json_line(&event)
    }

    fn missed(&mut self, count: u64) -> io::Result<()> {
        self.terminal.json_line(&json!({"event": "missed", "count": count}))
    }

    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn interrupted(&mut self) -> io::Result<()> {
        self.terminal.json_line(&json!({"event": "interrupted"}))
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}
