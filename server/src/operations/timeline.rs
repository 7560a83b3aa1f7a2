//! When the steps of a run were at work: each attempt from when it was asked for, which its journal tells
//! by its events, to its outcome.
//!
//! How long an attempt of a call ran, once it had its turn, is in the journal since attempts are measured.
//! All before is waiting: for a slot, a circuit, a rate, or for the run's own turn.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use pathway_engine::vm::{Change, Failure, Trace};
use serde::{Deserialize, Serialize};

use crate::runner::Story;
use crate::store::Run;

/// Executions of steps that are told of a run.
const ROWS: usize = 1_000;

/// When what was at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The run.
    pub id: String,
    /// Its pathway.
    pub pathway: String,
    /// When it was admitted.
    pub from: Timestamp,
    /// When it ended, or when this was asked.
    pub to: Timestamp,
    /// The executions of its steps, in the order in which they began.
    pub rows: Vec<Row>,
    /// Those that are left out, since they are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_omitted: usize,
    /// Why there is no more to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
}

/// An execution of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which: the step's path, with items and iterations.
    pub path: String,
    /// Its attempts; none of one that was skipped, or kept.
    pub bars: Vec<Bar>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// 1, 2, …
    pub attempt: u32,
    /// When it was asked for.
    pub from: Timestamp,
    /// When it was over; none: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// For how many milliseconds of that it ran, and did not wait; none: its journal does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
    /// `ok`, `cancelled`, or the class of its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl Timeline {
    /// That of a run, as its journal tells it.
    #[must_use]
    pub fn of(run: &Run, story: &Story, now: Timestamp) -> Self {
        let from = Timestamp::from_millisecond(run.created_at).unwrap_or(now);
        let ended = run.finished_at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let mut rows = rows(&story.happened);
        for row in &mut rows {
            for bar in &mut row.bars {
                bar.took = story.took.get(&(row.path.clone(), bar.attempt)).copied();
            }
        }
        let last = story.happened.iter().map(|trace| trace.at).max();
        let is_at_work = rows.iter().flat_map(|row| &row.bars).any(|bar| bar.to.is_none());
        let to = ended.or(last.filter(|_| !is_at_work)).unwrap_or(now).max(last.unwrap_or(from)).max(from);
        let rows_omitted = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        let (id, pathway, untold) = (run.public_id.clone(), run.pathway.clone(), story.untold.clone());
        Self { id, pathway, from, to, rows, rows_omitted, untold }
    }

    /// Rows whose executions hold no others: those that do something themselves.
    pub fn leaves(&self) -> impl Iterator<Item = &Row> {
        let paths: std::collections::BTreeSet<&str> = self.rows.iter().map(|row| row.path.as_str()).collect();
        self.rows.iter().filter(move |row| {
            !['.', '[', '~', '#', '!'].iter().any(|mark| {
                let inside = format!("{}{mark}", row.path);
                paths.range(inside.as_str()..).next().is_some_and(|path| path.starts_with(&inside))
            })
        })
    }
}

/// When an attempt had its turn that ran for so many milliseconds at the end of its time; where that is not
/// known, at once.
pub(crate) fn turn((from, to): (Timestamp, Timestamp), took: Option<u64>) -> Timestamp {
    let ran = took.and_then(|took| i64::try_from(took).ok());
    let turn = ran.and_then(|ran| to.checked_sub(SignedDuration::from_millis(ran)).ok());
    turn.unwrap_or(from).clamp(from, to.max(from))
}

/// An execution of a step.
#[derive(Debug)]
pub(crate) struct Execution<'a> {
    /// Which.
    pub(crate) path: &'a str,
    /// Its attempts; none of one that was skipped, or kept.
    pub(crate) attempts: Vec<Attempt<'a>>,
}

/// An attempt of it.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// 1, 2, …
    pub(crate) number: u32,
    /// When it was asked for.
    pub(crate) from: Timestamp,
    /// When it was over; none: it is not.
    pub(crate) to: Option<Timestamp>,
    /// How it ended; none: it has not, or went on as another one.
    pub(crate) end: Option<End<'a>>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum End<'a> {
    Finished,
    Cancelled,
    Failed(&'a Failure),
}

impl End<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Finished => "ok",
            Self::Cancelled => "cancelled",
            Self::Failed(failure) => failure.class.name(),
        }
    }
}

/// The executions of steps that something happened to, in the order in which they began.
pub(crate) fn executions(happened: &[Trace]) -> Vec<Execution<'_>> {
    let mut executions: Vec<Execution<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for Trace { at, instance, change } in happened {
        let place = *places.entry(instance).or_insert(executions.len());
        if place == executions.len() {
            executions.push(Execution { path: instance, attempts: Vec::new() });
        }
        let Some(execution) = executions.get_mut(place) else { continue };
        let open = execution.attempts.last_mut().filter(|attempt| attempt.to.is_none());
        let end = match change {
            Change::Begun { attempt } => {
                // What went on with another attempt without a word was begun anew by a redrive.
                if let Some(open) = open {
                    open.to = Some(*at);
                }
                execution.attempts.push(Attempt { number: *attempt, from: *at, to: None, end: None });
                continue;
            }
            Change::Chose { .. } | Change::Kept { .. } | Change::Skipped => continue,
            Change::Retrying { failure, .. } | Change::Failed { failure } => End::Failed(failure),
            Change::Finished { .. } => End::Finished,
            Change::Cancelled => End::Cancelled,
        };
        if let Some(open) = open {
            (open.to, open.end) = (Some(*at), Some(end));
        }
    }
    executions
}

fn rows(happened: &[Trace]) -> Vec<Row> {
    let bar = |attempt: Attempt<'_>| Bar {
        attempt: attempt.number,
        from: attempt.from,
        to: attempt.to,
        took: None,
        result: attempt.end.map(|end| end.name().to_owned()),
    };
    let row = |execution: Execution<'_>| Row {
        path: execution.path.to_owned(),
        bars: execution.attempts.into_iter().map(bar).collect(),
    };
    executions(happened).into_iter().map(row).collect()
}

impl Bar {
    /// When it ended, or when `now` is, and when it had its turn.
    #[must_use]
    pub fn times(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let to = self.to.unwrap_or(now).max(self.from);
        (to, turn((self.from, to), self.took))
    }

    /// Whether it failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.result.as_deref().is_some_and(|result| result != "ok" && result != "cancelled")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
