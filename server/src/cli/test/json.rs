//! What came of the cases, for programs: a line of JSON each, and one for all.

use std::io;

use pathway_engine::source::{Sources, Span};
use pathway_engine::testing::{Coverage, Problem, Step};
use serde_json::{Value as Json, json};

use super::super::Terminal;
use super::coverage;
use super::play::{One, Told};

/// Tells it.
pub(super) fn tell(terminal: Terminal, told: &Told<'_>, coverage: Option<&[Coverage]>) -> io::Result<()> {
    let sources = &told.found.config.sources;
    for error in &told.found.errors {
        terminal.json_line(&json!({
            "event": "unread",
            "code": error.code.0,
            "message": error.message,
            "place": error.labels.first().map(|label| place(label.span, sources)),
            "help": error.help,
        }))?;
    }
    for one in &told.ended.cases {
        terminal.json_line(&told.mask(one).json(case(one, sources)))?;
    }
    let failed = told.ended.cases.iter().filter(|one| !one.played.problems.is_empty()).count();
    let mut all = json!({
        "event": "ended",
        "passed": told.ended.cases.len() - failed,
        "failed": failed,
        "left_out": told.ended.left_out,
        "whole": told.found.is_whole,
        "unused_mocks": told.ended.unused.iter().map(|it| problem(it, sources)).collect::<Json>(),
        "ms": millis(told.took),
    });
    if let (Some(coverage), Some(map)) = (coverage, all.as_object_mut()) {
        map.insert("coverage".to_owned(), coverage::json(coverage, sources));
        map.insert("untested".to_owned(), coverage::untested(coverage, &told.found.program).into());
    }
    terminal.json_line(&all)
}

fn case(one: &One<'_>, sources: &Sources) -> Json {
    let ended = match &one.played.ended {
        None => Json::Null,
        Some(Ok(value)) => json!({ "return": value }),
        Some(Err(failure)) => json!({
            "error": { "class": failure.class.name(), "message": failure.message, "step": failure.step }
        }),
    };
    json!({
        "event": "case",
        "file": one.path,
        "pathway": one.case.pathway(),
        "case": one.case.name.value,
        "place": place(one.case.name.span, sources),
        "passed": one.played.problems.is_empty(),
        "problems": one.played.problems.iter().map(|it| problem(it, sources)).collect::<Json>(),
        "ended": ended,
        "steps": one.played.steps.iter().map(step).collect::<Json>(),
        "virtual_ms": millis(one.played.took),
    })
}

fn problem(problem: &Problem, sources: &Sources) -> Json {
    let differences = problem.differences.iter().map(|it| {
        json!({
            "path": it.path,
            "expected": it.expected,
            "came": it.came,
            "place": place(it.span, sources),
            "help": it.help,
        })
    });
    let places =
        problem.places.iter().map(|(span, why)| json!({ "place": place(*span, sources), "why": why }));
    json!({
        "message": problem.message,
        "place": place(problem.span, sources),
        "differences": differences.collect::<Json>(),
        "places": places.collect::<Json>(),
        "help": problem.help,
    })
}

fn step(step: &Step) -> Json {
    let error = step.failure.as_ref().map(|it| json!({ "class": it.class.name(), "message": it.message }));
    json!({
        "step": step.name,
        "status": step.state.name(),
        "attempts": step.attempts,
        "began_ms": millis(step.began),
        "ended_ms": millis(step.ended),
        "error": error,
    })
}

fn place(span: Span, sources: &Sources) -> Json {
    let at = sources.locate(span);
    json!({ "file": sources.path(span.file), "line": at.line, "column": at.column })
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
