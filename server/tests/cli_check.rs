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
const WARNS: &str = "pathway: warns\nsteps: { a: { http: { service: none, post: / } } }\n";

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

/// What each is mended to; the rest is not certain, or needs a person.
const MENDED: [(&str, &str); 3] = [
    (
        "pathways/a.yaml",
        "pathway: a\nsteps:\n  one: { set: { x: \"{{ input.a }}\" } } # kept\nreturn: \"{{ steps.one }}\"\n",
    ),
    (
        "pathways/b.yaml",
        "pathway: b\nsteps:\n  one:   { emit: 1 }\n  two:\n    needs: one\n    set: '\"x\" ~ ''y'''\nreturn: \"{{ steps.two }}\"\n",
    ),
    (
        "pathways/c.yaml",
        "pathway: c\nsteps:\n  three: { set: 1 }\nreturn: \"{{ steps.three + vars.rate }}\"\n",
    ),
];

#[test]
fn what_is_certain_is_mended_and_nothing_else_is_touched() {
    let folder = project(&[
        ("pathway.yaml", "vars: { rate: 2 }\n"),
        (
            "pathways/a.yaml",
            "pathway: a\nsteps:\n  one: { set: { x: {{ inptu.a }} } } # kept\nreturn: \"{{ steps.one }}\"\n",
        ),
        (
            "pathways/b.yaml",
            "pathway: b\nallow: PW0801\nsteps:\n  one:   { allow: [PW0805], emit: 1 }\n  two:\n    needs: one\n    sett: \"x\" ~ 'y'\nreturn: \"{{ steps.two }}\"\n",
        ),
        (
            "pathways/c.yaml",
            "pathway: c\nsteps:\n  three: { set: 1 }\nreturn: \"{{ steps.thre + vars.raet }}\"\n",
        ),
    ]);
    let files = || MENDED.map(|(path, _)| fs::read_to_string(folder.path().join(path)).unwrap());
    let before = files();
    let (_, output, error) = check(folder.path(), &["--fix", "--dry-run"]);
    assert!(error.contains("would mend 8 problems in 3 files"), "{error}");
    insta::assert_snapshot!(output);
    assert_eq!(files(), before);

    let (_, _, error) = check(folder.path(), &["--fix"]);
    assert!(error.contains("mended 8 problems in 3 files"), "{error}");
    assert_eq!(files(), MENDED.map(|(_, text)| text.to_owned()));
    let (_, _, error) = check(folder.path(), &["--fix"]);
    assert!(error.contains("mended 0 problems in 0 files"), "{error}");
    assert_eq!(files(), MENDED.map(|(_, text)| text.to_owned()));
}

#[test]
fn programs_are_told_the_edits() {
    let folder = project(&[("pathways/a.yaml", "pathway: a\nstps: { b: { emit: 1 } }\nreturn: 1\n")]);
    let (_, output, _) = check(folder.path(), &["--format", "json"]);
    let problem: serde_json::Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    let edit = serde_json::json!({
        "file": "pathways/a.yaml", "line": 2, "column": 1, "end_line": 2, "end_column": 5, "text": "steps",
    });
    assert_eq!(problem["edits"], serde_json::json!([edit]));
}

#[test]
fn of_all_fixtures_fewer_problems_are_left_and_no_new_errors() {
    let mut count = 0;
    for kind in ["err", "lint"] {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/compile").join(kind);
        for entry in fs::read_dir(fixtures).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut files = vec![("pathways/main.yaml".to_owned(), String::new())];
            for line in text.lines() {
                match line.strip_prefix("#=== ").map(str::trim) {
                    Some(name) if name.ends_with(".yaml") && name != "pathway.yaml" => {
                        files.push((format!("pathways/{name}"), String::new()));
                    }
                    Some(name) => files.push((name.to_owned(), String::new())),
                    None => files.last_mut().unwrap().1 += &format!("{line}\n"),
                }
            }
            let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            let folder = project(&files);
            let before = problems(folder.path());
            let (_, _, said) = check(folder.path(), &["--fix"]);
            let after = problems(folder.path());
            let is_new = |it: &&(String, String)| it.0 == "error" && !before.contains(it);
            let hidden = before.iter().any(|(_, name)| name.starts_with("PW01"));
            assert!(hidden || after.iter().find(is_new).is_none(), "{files:?}\n{said}\n{after:?}");
            let nothing = said.contains("mended 0 problems");
            assert!(hidden || nothing == (after == before), "{said}");
            let weight =
                |all: &[(String, String)]| (all.iter().filter(|it| it.0 == "error").count(), all.len());
            assert!(hidden || nothing || weight(&after) < weight(&before), "{said}");
            let (_, _, again) = check(folder.path(), &["--fix"]);
            assert!(again.contains("mended 0 problems"), "{files:?}\n{said}\n{again}");
            count += usize::from(!nothing);
        }
    }
    assert!(count > 5, "only {count} were mended");
}

/// Severity, and code with message, of each problem.
fn problems(folder: &Path) -> Vec<(String, String)> {
    let (_, output, _) = check(folder, &["--format", "json"]);
    let problems = output.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |problem: &serde_json::Value, key: &str| {
        problem.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    problems
        .map(|it| (text(&it, "severity"), format!("{} {}", text(&it, "code"), text(&it, "message"))))
        .collect()
}
