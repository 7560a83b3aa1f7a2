//! `pathway check`, with the real binary.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

fn check(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    let output = command.arg("check").args(arguments).current_dir(folder).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const GOOD: &str = "pathway: good\nreturn: 1\n";
const WARNS: &str = "pathway: warns\nsteps: { a: { http: { service: none, get: / } } }\n";

/// Each has one mistake, under which there is a line.
const BROKEN: [(&str, &str); 6] = [
    ("pathways/a.yaml", "pathway: a\nsteps:\n  one: { set: { x: {{ input.a }} } }\n"),
    ("pathways/b.yaml", "pathway: b\nsteps:\n  one: { when: \"x\" == y, set: { x: 1 } }\n"),
    ("pathways/c.yaml", "pathway: c\nsteps:\n  one: { htp: { service: x, get: / } }\n"),
    ("pathways/d.yaml", "pathway: d\nsteps:\n  two: { set: { x: \"{{ steps.thre }}\" } }\n"),
    ("pathways/e.yaml", "pathway: e\ninput: ../e.json\nreturn: 1\n"),
    ("e.json", "{\"type\": \"objct\"}"),
];

#[test]
fn every_mistake_is_underlined_by_file_and_place() {
    let folder = project(&BROKEN);
    let (code, output, error) = check(folder.path(), &[]);
    assert_eq!((code, output.as_str()), (1, ""));
    insta::assert_snapshot!(error);
}

#[test]
fn the_last_line_counts() {
    let last = |files: &[(&str, &str)], arguments: &[&str]| {
        let (code, _, error) = check(project(files).path(), arguments);
        (code, error.lines().last().unwrap_or_default().to_owned())
    };
    let feed = ("pathways/f.yaml", "feed: f\ntopic: t\nget: /f\nkey: record.key\nfor: auth.sub\n");
    assert_eq!(last(&[("pathways/a.yaml", GOOD)], &[]), (0, "1 pathway, no problems".into()));
    let two = [("pathways/a.yaml", GOOD), ("pathways/b.yaml", "pathway: b\nreturn: 1\n"), feed];
    assert_eq!(last(&two, &[]), (0, "2 pathways, 1 feed, no problems".into()));
    let (code, line) = last(&[], &[]);
    assert!(code == 0 && line.starts_with("no pathways: there is no file `pathways/**/*.yaml` in"), "{line}");
    let warns = [("pathway.yaml", "services: { none: { url: '${NONE:-}' } }\n"), ("pathways/w.yaml", WARNS)];
    assert_eq!(last(&warns, &[]), (0, "1 warning in 1 of 2 files".into()));
    assert_eq!(last(&warns, &["--deny-warnings"]).0, 1);
    assert_eq!(last(&BROKEN, &[]), (1, "5 errors in 5 of 6 files".into()));
    assert_eq!(
        last(&BROKEN, &["pathways/a.yaml", "pathways/c.yaml"]),
        (1, "2 errors in 2 of 2 files".into())
    );
    assert_eq!(last(&BROKEN, &["pathways/e.yaml"]), (1, "1 error in 1 of 2 files".into()));
}

#[test]
fn only_what_was_asked_for_is_told_but_all_can_be_called() {
    let calls = "pathway: calls\nsteps: { a: { call: { pathway: a } } }\n";
    let mut files = BROKEN.to_vec();
    files.extend([("pathways/calls.yaml", calls), ("pathway.yaml", "max_runs: 1\n")]);
    let folder = project(&files);
    let (code, _, error) = check(folder.path(), &["pathways/calls.yaml"]);
    assert_eq!((code, error.as_str()), (0, "1 pathway, no problems\n"));
    assert_eq!(check(folder.path(), &["pathways"]).0, 1);
    assert_eq!(check(folder.path(), &["."]).0, 1);
    assert_eq!(check(&folder.path().join("pathways"), &["calls.yaml"]).0, 0);
    let elsewhere = project(&[]);
    let elsewhere = elsewhere.path().to_str().unwrap();
    assert_eq!(check(folder.path(), &[elsewhere]).0, 2);
    assert_eq!(check(folder.path(), &["pathways", elsewhere]).0, 2);
}

#[test]
fn problems_are_told_to_programs() {
    let folder = project(&BROKEN);
    let (_, output, _) = check(folder.path(), &["--format", "json"]);
    let places: Vec<String> = output
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|problem| format!("{}:{}", problem["file"].as_str().unwrap(), problem["line"]))
        .collect();
    let expected =
        ["pathways/a.yaml:3", "pathways/b.yaml:3", "pathways/c.yaml:3", "pathways/d.yaml:3", "e.json:1"];
    assert_eq!(places, expected);
    let (_, output, _) = check(folder.path(), &["--format", "github"]);
    assert_eq!(output.lines().filter(|line| line.starts_with("::error file=")).count(), 5, "{output}");
}
