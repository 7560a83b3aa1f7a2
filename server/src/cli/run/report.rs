//! Why a run failed: where in the file, with what the step was given, and what to do next.

use std::io;

use pathway_engine::compile::Plan;
use pathway_engine::diagnostic::{Code, Diagnostic};
use pathway_engine::vm::{Body, Class, Effect, Failure, HttpRequest};
use serde_json::{Map, Value as Json, json};

use super::super::target::Target;
use super::super::{Form, Terminal};
use super::mask::Mask;
use super::seen::Seen;
use super::style::line;

/// Characters of a value that is shown.
const WIDEST: usize = 2000;
/// Violations that are listed.
const VIOLATIONS: usize = 20;
const MASKED: &str = "********";

/// What a report is made of.
pub(super) struct Report<'a> {
    pub(super) target: &'a Target,
    pub(super) seen: &'a Seen,
    pub(super) mask: &'a Mask,
    /// Whether the run was in nobody's name.
    pub(super) is_anonymous: bool,
}

impl Report<'_> {
    /// Tells it.
    pub(super) fn tell(&self, terminal: Terminal, failure: &Failure, parked: bool) -> io::Result<()> {
        let (run, plan, failure) = self.seen.origin(failure).unwrap_or(("", &self.target.plan, failure));
        let diagnostic = self.diagnostic(plan, failure);
        terminal.diagnostics(&[diagnostic], &self.target.config.sources, Form::Human)?;

        let mut facts: Vec<(&str, String)> = Vec::new();
        if let Some(step) = &failure.step {
            let pathway = if plan.name == self.target.plan.name {
                String::new()
            } else {
                format!(" of `{}`", plan.name)
            };
            facts.push(("step", format!("`{step}`{pathway}{}", attempts(failure.attempts))));
            if let Some(effect) = self.seen.asked(run, step) {
                facts.extend(self.request(effect));
            }
        }
        // The message says the first.
        let listed = if failure.violations.len() > 1 { VIOLATIONS } else { 0 };
        for violation in failure.violations.iter().take(listed) {
            let pointer = if violation.pointer.is_empty() { "/" } else { &violation.pointer };
            facts.push(("at", format!("`{pointer}` {}", violation.detail)));
        }
        if failure.violations.len() > VIOLATIONS {
            facts.push(("at", format!("… {} more", failure.violations.len() - VIOLATIONS)));
        }
        if let Some(code) = &failure.code {
            facts.push(("code", code.clone()));
        }
        if let Some(details) = &failure.details {
            facts.push(("details", shown(&self.mask.value(details))));
        }
        facts.push(("server", after(failure, parked)));
        facts.push(("again", rerun()));
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, text) in facts {
            let text = line(&text, WIDEST);
            terminal.report(&format!("  {name}{}  {text}", " ".repeat(width - name.len())))?;
        }
        Ok(())
    }

    fn diagnostic(&self, plan: &Plan, failure: &Failure) -> Diagnostic {
        let message = self.mask.text(&failure.message);
        let mut diagnostic = Diagnostic::error(Code(failure.class.name()), message);
        let step = failure.step.as_deref().and_then(|step| plan.place(step));
        match (failure.place, step) {
            (Some(place), Some(step)) => diagnostic = diagnostic.at(place, "here").at(step, "in this step"),
            (Some(place), None) => diagnostic = diagnostic.at(place, "here"),
            (None, Some(step)) => diagnostic = diagnostic.at(step, "this step failed"),
            (None, None) => {}
        }
        if failure.class == Class::Denied && self.is_anonymous {
            diagnostic = diagnostic.help("say in whose name it runs: `--as SUB`");
        }
        if failure.class == Class::Invalid && failure.step.is_none() && !failure.violations.is_empty() {
            diagnostic = diagnostic.help("give another input with `--input FILE` or `--set PATH=VALUE`");
        }
        diagnostic
    }

    /// What the step asked for, its templates filled in.
    fn request(&self, effect: &Effect) -> Vec<(&'static str, String)> {
        let value = |value: &pathway_engine::Value| shown(&self.mask.value(value));
        match effect {
            Effect::Http { request, .. } => self.http(request),
            Effect::Publish { topic, key, value: record, .. } => {
                let key =
                    key.as_deref().map_or_else(String::new, |key| format!(", key `{}`", self.mask.text(key)));
                vec![("publish", format!("to `{topic}`{key}")), ("value", value(record))]
            }
            Effect::Child { pathway, input, .. } => {
                vec![("call", format!("`{pathway}`")), ("input", value(input))]
            }
            Effect::Emit { value: emitted, .. } => vec![("emit", value(emitted))],
            Effect::Await { name, .. } => vec![("wait", format!("for the signal `{name}`"))],
            Effect::Claim { key, .. } => vec![("once", format!("for `{key}`"))],
            Effect::Release { .. } | Effect::Timer { .. } | Effect::Abandon { .. } | Effect::Ended { .. } => {
                Vec::new()
            }
        }
    }

    fn http(&self, request: &HttpRequest) -> Vec<(&'static str, String)> {
        let method = json!(request.method);
        let method = method.as_str().unwrap_or_default();
        let mut facts =
            vec![("request", format!("{method} {} of `{}`", self.mask.text(&request.path), request.service))];
        if !request.query.is_empty() {
            facts.push(("query", self.pairs(&request.query)));
        }
        if !request.headers.is_empty() {
            let headers: Map<String, Json> =
                request.headers.iter().map(|(name, _)| (name.clone(), MASKED.into())).collect();
            facts.push(("headers", shown(&Json::Object(headers))));
        }
        match &request.body {
            Body::Empty => {}
            Body::Json(value) => facts.push(("json", shown(&self.mask.value(value)))),
            Body::Form(pairs) => facts.push(("form", self.pairs(pairs))),
            Body::Multipart(pairs) => facts.push(("multipart", self.pairs(pairs))),
            Body::Text(text) => facts.push(("body", self.mask.text(text))),
        }
        facts
    }

    fn pairs(&self, pairs: &[(String, String)]) -> String {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", self.mask.text(value))).collect();
        pairs.join(" & ")
    }
}

fn shown(value: &Json) -> String {
    value.to_string()
}

fn attempts(count: u32) -> String {
    match count {
        0 | 1 => String::new(),
        count => format!(", after {count} attempts"),
    }
}

/// What a server would do with such a run.
fn after(failure: &Failure, parked: bool) -> String {
    if failure.class == Class::Cancelled {
        return "it would be cancelled".to_owned();
    }
    if !parked {
        let (status, class) = (failure.class.http_status(), failure.class.name());
        return format!("it would answer {status} ({class}), and keep nothing to redrive");
    }
    match &failure.step {
        Some(step) => format!("it would park the run: it can be redriven from `{step}`"),
        None => "it would park the run: it can be redriven from its start".to_owned(),
    }
}

/// The command line, as a shell reads it.
fn rerun() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    let mut words: Vec<String> = std::iter::once("pathway".to_owned()).chain(words).collect();
    if words.windows(2).any(|pair| matches!(pair, [flag, value] if flag == "--input" && value == "-"))
        || words.iter().any(|word| word == "--input=-")
    {
        words.push("< INPUT".to_owned());
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
