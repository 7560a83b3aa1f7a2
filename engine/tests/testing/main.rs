//! Tests of pathways: fixtures of pathways with a test file, and what is told of its cases.
//!
//! A fixture is a project in one file (see `engine/tests/compile/README.md`).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod export;

use std::fmt::Write as _;
use std::fs;

use pathway_engine::source::Span;
use pathway_engine::testing::{Played, Problem, Setting};

use support::{Compiled, compile_files, fixture};

#[path = "../support/mod.rs"]
mod support;

#[test]
fn fixtures() {
    insta::glob!("*.yaml", |path| {
        let compiled = compile_files(&fixture::files(&fs::read_to_string(path).unwrap()));
        let mut out = compiled.report();
        for (_, suite) in &compiled.suites {
            let setting = Setting { program: &compiled.program, project: &compiled.project };
            let mut used = Vec::new();
            for case in &suite.cases {
                let played = case.play(setting);
                used.extend(played.shared_used.clone());
                writeln!(out, "{}", told(&case.name.value, &played, &compiled)).unwrap();
            }
            for unused in suite.unused(used) {
                problem(&unused, &compiled, &mut out);
            }
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("testing", out);
        });
    });
}

fn told(name: &str, played: &Played, compiled: &Compiled) -> String {
    let mut out = format!("> {name}\n");
    for step in played.steps.iter().take(12) {
        write!(out, "    {} {}", step.name, step.state.name()).unwrap();
        if step.attempts > 1 {
            write!(out, ", {} attempts", step.attempts).unwrap();
        }
        if !step.ended.is_zero() {
            write!(out, ", {:?} to {:?}", step.began, step.ended).unwrap();
        }
        out.push('\n');
    }
    match &played.ended {
        None => writeln!(out, "  does not end").unwrap(),
        Some(Ok(value)) => writeln!(out, "  returns {value} after {:?}", played.took).unwrap(),
        Some(Err(failure)) => {
            writeln!(out, "  fails after {:?}: {}: {}", played.took, failure.class.name(), failure.message)
                .unwrap();
        }
    }
    for one in &played.problems {
        problem(one, compiled, &mut out);
    }
    out
}

fn problem(problem: &Problem, compiled: &Compiled, out: &mut String) {
    let place = |span: Span| {
        let at = compiled.sources.locate(span);
        format!("{}:{}:{}", compiled.sources.path(span.file), at.line, at.column)
    };
    writeln!(out, "  error: {} ({})", problem.message, place(problem.span)).unwrap();
    for it in &problem.differences {
        let came = it.came.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        writeln!(out, "    {} {}: {}, not {came}", place(it.span), it.path, it.expected).unwrap();
        it.help.iter().for_each(|help| writeln!(out, "      {help}").unwrap());
    }
    for (span, why) in &problem.places {
        writeln!(out, "    {}: {why}", place(*span)).unwrap();
    }
    for help in problem.help.iter().flat_map(|help| help.lines()) {
        writeln!(out, "    help: {help}").unwrap();
    }
}
