//! What came of comparing a run, as text and as JSON.

use std::fmt;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::vm::{Difference, Differs, Effect, Failure};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::cli::run::{Mask, asked, line};
use crate::operations::Journal;

/// Characters of a value that is shown.
const WIDEST: usize = 2000;

/// Whether a run would come out as it did, as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Agrees,
    Differs,
    Unknown,
}

/// A run that was compared.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    id: String,
    pathway: String,
    status: String,
    pub(super) verdict: Verdict,
    /// Why it could not be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// Events that were recorded of it.
    pub(super) events: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Shown>,
    /// Of a parked run: whether it can be redriven by the definition all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redrivable: Option<bool>,
}

/// A difference.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// The place of the event in the journal.
    event: usize,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    how: &'static str,
    said: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    was: Map<String, Json>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    now: Map<String, Json>,
}

impl Compared {
    pub(super) fn of(journal: &Journal) -> Self {
        let run = &journal.run;
        Self {
            id: run.id.clone(),
            pathway: run.pathway.clone(),
            status: run.status.clone(),
            verdict: Verdict::Agrees,
            why: None,
            events: 0,
            difference: None,
            redrivable: None,
        }
    }
}

impl Shown {
    pub(super) fn of(difference: &Difference, mask: &Mask) -> Self {
        let (mut was, mut now) = (Map::new(), Map::new());
        let (how, said) = match &difference.how {
            Differs::Request { was: old, now: new } => {
                (was, now) = (facts(old, mask), facts(new, mask));
                ("request", "would ask for something else")
            }
            Differs::Asks(new) => {
                now = facts(new, mask);
                ("asks", "would ask for something, and did not")
            }
            Differs::AsksNot(old) => {
                was = facts(old, mask);
                ("asks_not", "would not ask, and did")
            }
            Differs::Sooner => ("sooner", "would have waited less long"),
            Differs::Later => ("later", "would still be waiting"),
            Differs::WaitsNot => ("waits_not", "would not be waiting for what came to it"),
            Differs::Ends(outcome) => {
                now = ended(outcome, mask);
                ("ends", "would end the run")
            }
            Differs::GoesOn(outcome) => {
                was = ended(outcome, mask);
                ("goes_on", "ended the run, which would go on")
            }
            Differs::Outcome { was: old, now: new } => {
                (was, now) = (ended(old, mask), ended(new, mask));
                ("outcome", "would end the run otherwise")
            }
        };
        let Difference { event, at, step, .. } = difference;
        Self { event: *event, at: *at, step: step.clone(), how, said: said.to_owned(), was, now }
    }
}

fn facts(effect: &Effect, mask: &Mask) -> Map<String, Json> {
    asked(effect, mask).into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

fn ended(outcome: &Result<Value, Failure>, mask: &Mask) -> Map<String, Json> {
    let (name, text) = match outcome {
        Ok(value) => ("returns", mask.value(value).to_string()),
        Err(failure) => ("fails", format!("{}: {}", failure.class.name(), mask.text(&failure.message))),
    };
    Map::from_iter([(name.to_owned(), text.into())])
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.id, self.pathway, self.status)?;
        match (self.verdict, &self.difference) {
            (Verdict::Agrees, _) => write!(f, "  agrees"),
            (Verdict::Unknown, _) => {
                write!(f, "  cannot be compared: {}", self.why.as_deref().unwrap_or("nobody knows why"))
            }
            (Verdict::Differs, None) => write!(f, "  differs"),
            (Verdict::Differs, Some(shown)) => {
                let step = shown.step.as_ref().map(|step| format!("`{step}` "));
                let who = step.as_deref().unwrap_or("the pathway ");
                write!(f, "  differs: {who}{}", shown.said)?;
                shown.sides(f)?;
                match self.redrivable {
                    Some(true) => write!(f, "\n  it can be redriven all the same, once this is served"),
                    Some(false) => write!(f, "\n  it cannot be redriven by this, only run again"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Shown {
    /// What is said on either side; what both say is said once.
    fn sides(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let new = self.now.keys().filter(|name| !self.was.contains_key(*name));
        let names: Vec<&String> = self.was.keys().chain(new).collect();
        let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
        for name in names {
            let (was, now) = (self.was.get(name), self.now.get(name));
            let lines = if was == now { vec![("   ", was)] } else { vec![("was", was), ("now", now)] };
            for (side, text) in lines {
                if let Some(text) = text.and_then(Json::as_str) {
                    write!(f, "\n  {side}  {name:width$}  {}", line(text, WIDEST))?;
                }
            }
        }
        Ok(())
    }
}
