//! Each file of `ok` beside a picture of its plans, each of `err` and `lint` beside what is said of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pathway_engine::compile::{Plan, unused};
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::document::Feed;

use super::support::{Compiled, compile_files, fixture};

#[test]
fn ok() {
    insta::glob!("ok/*.yaml", |path| {
        let compiled = compiled_apart_from_lints(path);
        assert!(!compiled.diagnostics.has_errors(), "{}:\n{}", path.display(), compiled.report());
        let mut picture = compiled.report();
        for plan in compiled.program.pathways.values() {
            draw(plan, &mut picture);
        }
        for feed in compiled.program.feeds.values() {
            draw_feed(feed, &mut picture);
        }
        snapshot("ok", &picture);
    });
}

#[test]
fn err() {
    insta::glob!("err/*.yaml", |path| {
        let compiled = compiled_apart_from_lints(path);
        assert!(compiled.diagnostics.has_errors(), "{} compiles", path.display());
        check_form(&compiled);
        snapshot("err", &compiled.report());
    });
}

/// Without what is said of fixtures because they only show something.
fn compiled_apart_from_lints(path: &Path) -> Compiled {
    let mut compiled = compile_files(&fixture::files(&fs::read_to_string(path).unwrap()));
    compiled.diagnostics.retain(|diagnostic| !["PW0806", "PW0807"].contains(&diagnostic.code.0));
    compiled
}

#[test]
fn lint() {
    insta::glob!("lint/*.yaml", |path| {
        let mut compiled = compile_files(&fixture::files(&fs::read_to_string(path).unwrap()));
        assert!(!compiled.diagnostics.has_errors(), "{}:\n{}", path.display(), compiled.report());
        if path.ends_with("unused.yaml") {
            compiled.diagnostics.extend(unused(&compiled.program, &compiled.project));
        }
        check_form(&compiled);
        snapshot("lint", &compiled.report());
    });
}

fn snapshot(name: &str, picture: &str) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, picture);
    });
}

/// What holds for every message.
fn check_form(compiled: &Compiled) {
    let diagnostics: &Diagnostics = &compiled.diagnostics;
    for diagnostic in diagnostics.iter() {
        let message = &diagnostic.message;
        assert!(!message.starts_with(char::is_uppercase) && !message.ends_with('.'), "{message}");
        assert!(!message.contains('\n'), "{message}");
        assert!(message.matches('`').count() % 2 == 0, "{message}");
        let label = diagnostic.labels.first();
        assert!(label.is_some_and(|label| label.text.chars().count() <= 60), "{message}: {label:?}");
        assert!(diagnostic.help.as_ref().is_none_or(|help| !help.ends_with('.')), "{message}");
    }
}

/// A pathway's door and limits, and each step with those it waits for.
fn draw(plan: &Plan, out: &mut String) {
    writeln!(out, "pathway {}", plan.name).unwrap();
    if let Some(summary) = &plan.summary {
        writeln!(out, "  summary: {summary}").unwrap();
    }
    let door = &plan.door;
    writeln!(out, "  topic: {}", plan.topic()).unwrap();
    let expressions = [("key", &door.key), ("id", &door.id), ("subject", &door.subject)];
    let given = expressions.iter().filter(|(_, expression)| expression.is_some()).map(|(name, _)| *name);
    writeln!(out, "  from the record: {}", given.collect::<Vec<_>>().join(" ")).unwrap();
    if let Some(name) = &door.correlation {
        writeln!(out, "  correlation: {}", name.value).unwrap();
    }
    if door.park_holds {
        writeln!(out, "  a parked run keeps its lane").unwrap();
    }
    if let Some(reply) = &door.reply {
        writeln!(out, "  reply: {} {}", reply.topic.value, form(&reply.form)).unwrap();
    }
    if let Some(http) = &door.http {
        let path = &http.path.value;
        writeln!(
            out,
            "  http: {:?} {path} {:?} {:?} {:?} {}",
            http.method,
            http.mode,
            http.auth,
            http.timeout,
            form(&http.form)
        )
        .unwrap();
        if let Some(path) = &http.attach {
            writeln!(out, "  attach: {}", path.value).unwrap();
        }
    }
    for schedule in &door.schedules {
        let first = schedule.calendar.next("2024-05-20T12:00:00Z".parse().unwrap()).unwrap();
        let input = pathway_engine::value::to_json(&schedule.input_at(first).unwrap());
        let (catch_up, overlap) = (schedule.catch_up, schedule.overlap);
        writeln!(out, "  schedule: {} {catch_up} {overlap:?} {input}", schedule.name).unwrap();
    }
    let (input, output) = (plan.input.is_some(), plan.output.is_some());
    writeln!(out, "  input: {input}, output: {output}").unwrap();
    writeln!(
        out,
        "  at once: {} steps, {:?} runs; timeout: {:?}",
        plan.max_parallel, plan.max_runs.total, plan.timeout
    )
    .unwrap();
    if let Some(per) = &plan.max_runs.per {
        writeln!(out, "  of each key: {} runs", per.slots).unwrap();
    }
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (first, then) in plan.edges() {
        after.entry(then).or_default().push(first.rsplit('.').next().unwrap());
    }
    for step in plan.steps() {
        match after.get(step) {
            Some(first) => writeln!(out, "  {step} after {}", first.join(", ")).unwrap(),
            None => writeln!(out, "  {step}").unwrap(),
        }
    }
}

/// A feed, with what it says of itself.
fn draw_feed(feed: &Feed, out: &mut String) {
    writeln!(out, "feed {}", feed.name.value).unwrap();
    if let Some(summary) = &feed.summary {
        writeln!(out, "  summary: {summary}").unwrap();
    }
    writeln!(out, "  GET {} of {} {:?} {:?}", feed.path.value, feed.topic.value, feed.auth, feed.replay)
        .unwrap();
    let given = [
        ("query", feed.query.is_some()),
        ("require", feed.require.is_some()),
        ("data", feed.data.is_some()),
        ("until", feed.until.is_some()),
    ];
    let given = given.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name);
    writeln!(out, "  [{}]", given.collect::<Vec<_>>().join(" ")).unwrap();
}

fn form(form: &pathway_engine::document::Form) -> String {
    let parts = [("emit", &form.emit), ("done", &form.done), ("error", &form.error)];
    let given = parts.iter().filter(|(_, part)| part.is_some()).map(|(name, _)| *name);
    format!("[{}]", given.collect::<Vec<_>>().join(" "))
}
