//! `pathway test`, with the real binary.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

const PROJECT: &str = "services: { api: { url: '${API_URL}', headers: { x: '${API_KEY}' } } }\n";
const ORDER: &str = "pathway: order
steps:
  stock: { http: { service: api, get: /stock } }
  low: { when: steps.stock.body.left < 3, fail: { message: only few are left, class: conflict } }
  kind:
    switch:
      of: steps.stock.body.kind
      cases: { pen: { return: 1 }, ink: { return: 2 } }
return: { left: '{{ steps.stock.body.left }}', kind: '{{ steps.kind or 0 }}' }
";
const GOOD: &str = "test: order
mocks: { stock: { body: { left: 3, kind: pen } } }
cases:
  enough: { expect: { return: { left: 3, kind: 1 } } }
  too few: { mocks: { stock: { body: { left: 2 } } }, expect: { error: conflict } }
";
const BAD: &str = "test: order
mocks: { stock: { body: { left: 3, kind: ink } }, api POST /x: { status: 201 } }
cases:
  enough: { expect: { return: { left: 4, kind: 2 } } }
  '<odd> & \"quoted\"': { expect: { return: { left: 3 } } }
";

fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pathway.yaml"), PROJECT).unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    fs::write(folder.path().join("pathways/order.pathway.yaml"), ORDER).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("pathways").join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    run_with(folder, arguments, &[])
}

fn run_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_is_as_expected_is_told_in_a_line_and_needs_no_environment() {
    let folder = project(&[("order.test.yaml", GOOD)]);
    let (code, told, error) = run(folder.path(), &["test"]);
    assert_eq!((code, told.as_str()), (0, "✓ pathways/order.test.yaml  2 cases\n"), "{error}");
    assert!(error.starts_with("2 passed in 1 file, "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is kept");
}

#[test]
fn what_is_not_fails_and_is_told_with_its_places() {
    let folder = project(&[("order.test.yaml", GOOD), ("bad.test.yaml", BAD)]);
    let (code, told, error) = run(folder.path(), &["test", "--coverage"]);
    assert_eq!(code, 1, "{error}");
    insta::assert_snapshot!(told);
    assert!(error.starts_with("3 passed, 1 failed, 1 unused mock in 2 files"), "{error}");
}

#[test]
fn tests_are_chosen_by_file_folder_pathway_and_case() {
    let folder = project(&[("order.test.yaml", GOOD), ("bad.test.yaml", BAD)]);
    let passed = |arguments: &[&str]| {
        let (code, told, error) = run(folder.path(), &[&["test", "--json"], arguments].concat());
        let last = told.lines().last().map(|line| serde_json::from_str::<Json>(line).unwrap());
        (code, last.map(|last| (last["passed"].clone(), last["failed"].clone())), error)
    };
    assert_eq!(passed(&["pathways/order.test.yaml"]).1, Some((2.into(), 0.into())));
    assert_eq!(passed(&["pathways"]).1, Some((3.into(), 1.into())));
    assert_eq!(passed(&["order"]).1, Some((3.into(), 1.into())));
    assert_eq!(passed(&["pathways/order.pathway.yaml", "-k", "too few"]).1, Some((1.into(), 0.into())));
    for (arguments, reason) in [
        (&["ordre"][..], "did you mean `order`?"),
        (&["-k", "nothing"], "no case has `nothing` in its name"),
        (&["nowhere.test.yaml"], "there is no file and no pathway"),
    ] {
        let (code, told, error) = passed(arguments);
        assert_eq!((code, told), (2, None), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn programs_get_lines_of_json_and_the_xml_of_junit() {
    let folder = project(&[("bad.test.yaml", BAD)]);
    let (code, told, _) = run(folder.path(), &["test", "--json", "--coverage", "--junit", "out.xml"]);
    assert_eq!(code, 1);
    let lines: Vec<Json> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["case"], "enough");
    assert_eq!(lines[0]["problems"][0]["differences"][0]["expected"], 4);
    assert_eq!(lines[0]["problems"][0]["differences"][0]["came"], 3);
    assert_eq!(lines[0]["problems"][0]["differences"][0]["place"]["line"], 4);
    assert_eq!(lines[1]["passed"], true);
    assert_eq!(lines[2]["coverage"][0]["branches"], serde_json::json!({"reached": 2, "all": 4}));
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    let (head, rest) = xml.split_once(" time=\"").unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    insta::assert_snapshot!(format!("{head}{rest}"));
}

#[test]
fn what_cannot_be_read_is_told_and_all_else_is_played() {
    let broken = "pathway: broken\nsteps: { a: { sett: 1 } }\n";
    let folder = project(&[
        ("order.test.yaml", GOOD),
        ("typo.test.yaml", "test: order\ncases: { a: { expext: { return: 1 } } }\n"),
        ("broken.pathway.yaml", broken),
        ("broken.test.yaml", "test: broken\ncases: { a: {} }\n"),
    ]);
    let (code, told, error) = run(folder.path(), &["test"]);
    assert_eq!((code, told.as_str()), (65, "✓ pathways/order.test.yaml  2 cases\n"), "{error}");
    assert!(error.contains("did you mean `expect`?"), "{error}");
    assert!(error.contains("pathways/broken.pathway.yaml:2:10"), "{error}");
    // Nor do programs take it for good.
    let (code, told, _) = run(folder.path(), &["test", "--json", "--junit", "out.xml"]);
    assert_eq!(code, 65);
    let lines: Vec<Json> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let unread: Vec<&Json> = lines.iter().filter(|line| line["event"] == "unread").collect();
    // Those of the variables may be the reason of others.
    assert_eq!(unread.len(), 4, "{told}");
    assert!(unread.iter().any(|line| line["place"]["file"] == "pathways/typo.test.yaml"), "{told}");
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(xml.contains("tests=\"6\" failures=\"0\" errors=\"4\""), "{xml}");
    assert_eq!(xml.matches("<error type=").count(), 4, "{xml}");
    // What cannot be written is told after the results.
    let (code, told, error) = run(folder.path(), &["test", "order", "--junit", "no/out.xml"]);
    assert!(told.starts_with("✓ pathways/order.test.yaml"), "{told}");
    assert!(code != 0 && error.contains("no/out.xml"), "{error}");
    // What nobody asked for does not matter.
    let (code, _, error) = run(folder.path(), &["test", "pathways/order.test.yaml"]);
    assert_eq!(code, 0, "{error}");
}

#[test]
fn no_part_of_a_secret_is_told() {
    let echo = "pathway: echo
steps: { a: { http: { service: api, get: /a } } }
return: { a: '{{ steps.a.body or 0 }}', b: '{{ steps.a.body or 0 }}' }
";
    let secret = "first-half\nsecond-half";
    let long = "x".repeat(151);
    let test = serde_json::json!({ "test": "echo", "cases": { "c": {
        "mocks": { "a": { "body": format!("{long}{secret}") } },
        "expect": { "return": { "a": secret, "b": format!("y{secret}") } },
    } } });
    let folder = project(&[("echo.pathway.yaml", echo), ("echo.test.yaml", &test.to_string())]);
    for arguments in [&["test", "--junit", "out.xml"][..], &["test", "--json"]] {
        let (code, told, error) = run_with(folder.path(), arguments, &[("API_KEY", secret)]);
        assert_eq!(code, 1, "{error}");
        let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
        for text in [&told, &xml] {
            assert!(text.contains("********"), "{text}");
            assert!(!text.contains("first") && !text.contains("second"), "{text}");
        }
    }
    // One that stands where a line is cut.
    let (_, told, _) = run_with(folder.path(), &["test"], &[("API_KEY", &format!("{long}first-half"))]);
    assert!(told.contains("********") && !told.contains("xxxx"), "{told}");
}

#[test]
fn a_watched_project_is_played_again_when_a_file_changes() {
    let folder = project(&[("order.test.yaml", GOOD)]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(["test", "--watch"]).current_dir(folder.path()).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Ended(command.spawn().unwrap());
    let lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // Once enough was told nobody listens.
            sender.send(line).ok();
        }
    });
    // Rounds until one tells this: a file may be read while it is half written.
    let until = |wanted: &str| {
        let mut round = String::new();
        loop {
            let line = told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no `{wanted}` in {round}"));
            round.push_str(&line);
            if line.starts_with("watching") {
                if round.contains(wanted) {
                    return round;
                }
                round.clear();
            }
        }
    };
    until("2 passed in 1 file");
    let file = folder.path().join("pathways/order.test.yaml");
    fs::write(&file, GOOD.replace("left: 3, kind: 1", "left: 4")).unwrap();
    let told = until("1 passed, 1 failed");
    assert!(told.contains("changed: order.test.yaml"), "{told}");
    // What cannot be read is told, and the next change is waited for.
    fs::write(&file, "test: [").unwrap();
    until("not all could be read");
    fs::write(folder.path().join("pathways/new.test.yaml"), GOOD).unwrap();
    fs::write(&file, GOOD).unwrap();
    until("4 passed in 2 files");
}

/// Does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn there_is_something_to_play() {
    let folder = project(&[]);
    let (code, _, error) = run(folder.path(), &["test"]);
    assert_eq!(code, 2);
    assert!(error.contains("there are no tests"), "{error}");
}

#[test]
fn a_failed_case_is_played_again_by_what_is_told() {
    let name = format!("it's {}", "long ".repeat(60));
    let test = serde_json::json!({ "test": "order", "cases": { name.trim(): {} } }).to_string();
    let folder = project(&[("order.test.yaml", GOOD)]);
    let elsewhere = folder.path().join("more tests");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("odd.test.yaml"), test).unwrap();
    let quoted = name.trim().replace('\'', r"'\''");
    for (from, path) in
        [(folder.path().to_owned(), "'more tests/odd.test.yaml'"), (elsewhere.clone(), "odd.test.yaml")]
    {
        let (code, told, error) = run(&from, &["test", elsewhere.to_str().unwrap()]);
        assert_eq!(code, 1, "{error}");
        let again = format!("\n  again: pathway test {path} --case '{quoted}'\n");
        assert!(told.contains(&again), "{told}\n{again}");
    }
    let (_, told, _) = run(&folder.path().join("pathways"), &["test", "../more tests/odd.test.yaml"]);
    assert!(told.contains("again: pathway test '../more tests/odd.test.yaml' --case"), "{told}");
}
