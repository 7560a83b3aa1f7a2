//! What is given to `pathway run`, and what is not a pathway.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use tempfile::TempDir;

use super::{Upstream, ended, pathway, project, run};

const ECHO: &str = "pathway: echo\nreturn: '{{ input }}'\n";

fn echo() -> TempDir {
    let upstream = Upstream::start();
    project(&upstream, &[("echo.yaml", ECHO)])
}

fn result(folder: &TempDir, arguments: &[&str]) -> serde_json::Value {
    let (code, output, error) = run(folder.path(), arguments);
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&output).unwrap()
}

#[test]
fn inputs_are_json_or_yaml_or_nothing() {
    let folder = echo();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    file("in.json", r#"{"a": {"b": 1}, "text": "{{ 1 + 1 }}"}"#);
    file("in.yaml", "a: { b: 2 }\nlist: [1, two]\n");
    assert_eq!(result(&folder, &["run", "echo"]), serde_json::json!({}));
    let input = serde_json::json!({"a": {"b": 1, "c": true}, "text": "{{ 1 + 1 }}"});
    assert_eq!(result(&folder, &["run", "echo", "--input", "in.json", "--set", "a.c=true"]), input);
    let input = serde_json::json!({"a": {"b": 2}, "list": [1, "two"]});
    assert_eq!(result(&folder, &["run", "echo", "--input", "in.yaml"]), input);

    let mut child = pathway(folder.path(), &["run", "pathways/echo.yaml", "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"[1, 2]").unwrap();
    assert_eq!(ended(child.wait_with_output().unwrap()).1, "[\n  1,\n  2\n]\n");
}

#[test]
fn a_bad_input_is_refused_before_anything_runs() {
    let folder = echo();
    let file = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    file("bad.json", br#"{"a": "#);
    file("bad.yaml", b"a: [1");
    file("empty", b" \n");
    file("binary", &[0xff, 0xfe, 0, 1]);
    file("big.json", format!("\"{}\"", "x".repeat(20_000_000)).as_bytes());
    for (name, told) in [
        ("bad.json", "is not JSON: "),
        ("bad.yaml", "is not YAML: "),
        ("empty", "is empty"),
        ("binary", "is not YAML: "),
        ("big.json", "is larger than 16 MiB"),
        ("none.json", "was not read: "),
        (".", "was not read: "),
    ] {
        let (code, output, error) = run(folder.path(), &["run", "echo", "--input", name]);
        assert_eq!((code, output.as_str()), (2, ""), "{name}: {error}");
        assert!(error.contains(told) && error.lines().count() <= 2, "{name}: {error}");
    }
    assert_eq!(run(folder.path(), &["run", "echo", "--set", "a"]).0, 2);
}

#[test]
fn what_is_no_pathway_is_said_to_be_what_it_is() {
    let folder = echo();
    let file = |name: &str, text: &str| fs::write(folder.path().join("pathways").join(name), text).unwrap();
    file("live.yaml", "feed: live\ntopic: t\nget: /live\n");
    file("echo.test.yaml", "cases: []\n");
    file("broken.yaml", "pathway: broken\nsteps:\n  a: { htp: {} }\n");
    file("calls.yaml", "pathway: calls\nsteps:\n  a: { call: { pathway: broken } }\n");
    for (name, exit, told) in [
        ("echoo", 2, "did you mean `echo`?"),
        ("pathways/none.yaml", 2, "was not read"),
        ("pathways/live.yaml", 2, "is a feed, not a pathway"),
        ("live", 2, "is a feed, not a pathway"),
        ("pathways/echo.test.yaml", 2, "is a test, not a pathway"),
        ("pathway.yaml", 65, "neither a pathway nor a feed"),
        ("pathways/broken.yaml", 65, "did you mean `http`?"),
        ("broken", 65, "did you mean `http`?"),
        ("calls", 65, "did you mean `http`?"),
    ] {
        for command in ["run", "graph"] {
            let (code, output, error) = run(folder.path(), &[command, name]);
            assert_eq!((code, output.as_str()), (exit, ""), "{command} {name}: {error}");
            assert!(error.contains(told), "{command} {name}: {error}");
        }
    }
    // A pathway that has nothing to do with them runs all the same.
    let (code, _, error) = run(folder.path(), &["run", "echo"]);
    assert!(code == 0 && !error.contains("error"), "{error}");
}

#[test]
fn a_graph_needs_no_environment() {
    let folder = echo();
    let project = "services: { shop: { url: '${NOT_SET}' } }\n";
    fs::write(folder.path().join("pathway.yaml"), project).unwrap();
    let (code, output, error) = run(folder.path(), &["graph", "echo", "--format", "dot"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(output.starts_with("digraph \"echo\" {"), "{output}");
    assert_eq!(run(folder.path(), &["run", "echo"]).0, 78);
}

#[test]
fn a_file_runs_without_a_project() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lone.yaml");
    fs::write(&file, ECHO).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let (code, output, error) = run(elsewhere.path(), &["run", file.to_str().unwrap(), "--set", "a=1"]);
    assert_eq!((code, output.as_str()), (0, "{\n  \"a\": 1\n}\n"), "{error}");

    fs::write(&file, "pathway: lone\nsteps: { a: { http: { service: shop, get: / } } }\n").unwrap();
    let (code, _, error) = run(folder.path(), &["run", "lone.yaml"]);
    assert_eq!(code, 65);
    assert!(error.contains("no service `shop`"), "{error}");
}
