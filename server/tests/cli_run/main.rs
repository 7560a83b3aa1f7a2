//! `pathway run`, with the real binary and an upstream in this process.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod input;
mod mocks;
mod upstream;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) use upstream::Upstream;

/// A project with the services `shop`, which is `upstream`, and `nobody`, which is not there.
pub(crate) fn project(upstream: &Upstream, pathways: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    let retry = "retry: { attempts: 3, delay: 10ms, jitter: 0, factor: 1 }";
    write(
        "pathway.yaml",
        &format!(
            "services:\n  shop: {{ url: '{}', headers: {{ x-api: '${{SHOP_KEY:-}}' }}, {retry} }}\n",
            upstream.url()
        ),
    );
    for (name, text) in pathways {
        write(&format!("pathways/{name}"), text);
    }
    folder
}

pub(crate) fn pathway(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("SHOP_KEY", "the-shop-key")
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(pathway(folder, arguments).output().unwrap())
}

pub(crate) fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A picture of what was printed, without the times.
fn picture((code, output, error): &(i32, String, String)) -> String {
    let mut shown = format!("exit {code}\n--- output\n{output}--- error\n");
    for line in error.lines() {
        shown.push_str(&without_times(line));
        shown.push('\n');
    }
    shown
}

fn without_times(line: &str) -> String {
    for unit in [" ms", " s"] {
        let Some((before, after)) =
            line.split_once(unit).filter(|(_, rest)| rest.is_empty() || rest.starts_with(' '))
        else {
            continue;
        };
        let text = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        // A pause before another attempt is what the policy says, and no measurement.
        if text.len() < before.len() && !text.ends_with("in ") {
            return format!("{} N ms{after}", text.trim_end());
        }
    }
    line.to_owned()
}

const HELLO: &str = "pathway: hello
input: { type: object, required: [name], properties: { name: { type: string } } }
steps:
  never: { when: input.name == 'nobody', http: { service: shop, get: /never } }
  first: { needs: never, http: { service: shop, get: /flaky } }
  second: { set: { text: 'Hello, {{ input.name }}, {{ steps.first.body.call }}' } }
  tell: { publish: { topic: greetings, key: input.name, value: '{{ steps.second }}' } }
  say: { needs: tell, emit: { said: '{{ steps.second.text }}' } }
  child: { needs: say, call: { pathway: child, input: { n: 2 } } }
return: { text: '{{ steps.second.text }}', child: '{{ steps.child }}' }
";
const CHILD: &str = "pathway: child
steps:
  twice: { set: { n: '{{ input.n * 2 }}' } }
return: '{{ steps.twice.n }}'
";

#[test]
fn steps_are_told_as_they_happen_and_the_result_is_json() {
    let upstream = Upstream::start();
    let folder = project(&upstream, &[("hello.yaml", HELLO), ("child.yaml", CHILD)]);
    let ended = run(folder.path(), &["run", "hello", "--set", "name=Ada"]);
    insta::assert_snapshot!(picture(&ended));
    assert!(!ended.2.contains('\u{1b}'), "a pipe is no terminal");
    let result: serde_json::Value = serde_json::from_str(&ended.1).unwrap();
    assert_eq!(result["child"], 4);

    let (code, output, error) = run(folder.path(), &["run", "hello", "--set", "name=Ada", "--quiet"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(output.starts_with('{'), "{output}");
}

#[test]
fn a_lone_run_has_its_claims_for_itself() {
    let upstream = Upstream::start();
    let pathway = "pathway: letters
steps:
  sent:
    each: input.to
    once: item
    max_parallel: 1
    http: { service: shop, post: '/letters/{{ index }}' }
return: \"{{ steps.sent | pluck('body', 'skipped') }}\"
";
    let folder = project(&upstream, &[("letters.yaml", pathway)]);
    fs::write(folder.path().join("mocks.yaml"), "sent: { body: sent }\n").unwrap();
    let arguments = ["run", "letters", "--set", "to=[ada, bob, ada]", "--mock", "mocks.yaml"];
    for _ in 0..2 {
        let (code, output, error) = run(folder.path(), &arguments);
        let result: serde_json::Value = serde_json::from_str(&output).unwrap();
        assert_eq!((code, result), (0, serde_json::json!(["sent", "sent", "skipped"])), "{error}");
        assert!(error.contains("sent[2]") && error.contains("skipped"), "{error}");
    }
}

#[test]
fn a_failure_says_where_why_with_what_and_what_next() {
    let upstream = Upstream::start();
    let pathway = "pathway: book
on: { http: { post: /book, mode: wait, auth: none } }
steps:
  order:
    http:
      service: shop
      post: /echo-503
      query: { user: '{{ input.user }}' }
      headers: { x-tenant: '{{ input.user }}' }
      json: { items: [1, 2], user: '{{ input.user }}', key: '${SHOP_KEY}' }
";
    let folder = project(&upstream, &[("book.yaml", pathway)]);
    let ended = run(folder.path(), &["run", "book", "--set", "user=it's me"]);
    insta::assert_snapshot!(picture(&ended));
    assert!(!ended.2.contains("the-shop-key"), "{}", ended.2);
}

#[test]
fn an_expression_is_underlined_in_the_pathway_that_has_it() {
    let upstream = Upstream::start();
    let caller = "pathway: caller\nsteps:\n  sub: { call: { pathway: callee, input: {} } }\n";
    let callee = "pathway: callee\nsteps:\n  total:\n    set: { sum: '{{ 1 + input.amounts.first }}' }\nreturn: '{{ steps.total.sum }}'\n";
    let folder = project(&upstream, &[("caller.yaml", caller), ("callee.yaml", callee)]);
    insta::assert_snapshot!(picture(&run(folder.path(), &["run", "caller"])));
}

#[test]
fn a_server_parks_what_is_not_the_callers_mistake() {
    let upstream = Upstream::start();
    let failing = |door: &str, class: &str| {
        format!(
            "pathway: p\n{door}steps:\n  no: {{ fail: {{ message: 'no', class: {class}, code: c1, details: {{ a: 1 }} }} }}\n"
        )
    };
    let door = "on: { http: { post: /p, mode: wait, auth: none } }\n";
    let told = |text: &str| {
        let folder = project(&upstream, &[("p.yaml", text)]);
        let (code, output, error) = run(folder.path(), &["run", "p"]);
        assert_eq!((code, output.as_str()), (1, ""));
        error
    };
    let error = told(&failing(door, "conflict"));
    assert!(error.contains("it would answer 409 (conflict)") && error.contains(r#"{"a":1}"#), "{error}");
    assert!(told(&failing(door, "outage")).contains("it can be redriven from `no`"));
    assert!(told(&failing("", "conflict")).contains("it can be redriven from `no`"));
}

#[test]
fn events_are_json_one_a_line() {
    let upstream = Upstream::start();
    let folder = project(&upstream, &[("hello.yaml", HELLO), ("child.yaml", CHILD)]);
    let (code, output, error) = run(folder.path(), &["run", "hello", "--set", "name=Ada", "--json"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let events: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<String> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            [text("event"), text("step"), text("state"), text("pathway")].join(" ").trim().to_owned()
        })
        .collect();
    // When a child says that it is over, its caller may know already.
    let (last, names) = names.split_last().unwrap();
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "ended").collect();
    assert_eq!(last, "ended");
    insta::assert_snapshot!(names.join("\n"));
    assert_eq!(events.last().unwrap()["result"]["child"], 4);

    let (code, output, _) = run(folder.path(), &["run", "hello", "--json"]);
    assert_eq!(code, 1);
    let last: serde_json::Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["error"]["class"], &last["error"]["violations"][0]["pointer"]),
        (&"invalid".into(), &"/name".into())
    );
}

#[test]
fn a_stream_is_shown_by_the_line() {
    let upstream = Upstream::start();
    let pathway = "pathway: story
steps:
  tell: { http: { service: shop, get: /story, parse: sse, pick: chunk.t, emit: true } }
return: '{{ steps.tell.text }}'
";
    let folder = project(&upstream, &[("story.yaml", pathway)]);
    insta::assert_snapshot!(picture(&run(folder.path(), &["run", "story"])));
}

#[test]
fn a_run_with_mocks_calls_nobody() {
    let upstream = Upstream::start();
    let folder = project(&upstream, &[("hello.yaml", HELLO), ("child.yaml", CHILD)]);
    let mock = |text: &str| {
        fs::write(folder.path().join("mocks.yaml"), text).unwrap();
        run(folder.path(), &["run", "hello", "--set", "name=Ada", "--mock", "mocks.yaml"])
    };
    let (code, output, error) = mock("first: [{ status: 503 }, { timeout: true }, { body: { call: 7 } }]");
    assert_eq!(code, 0, "{error}");
    assert!(output.contains("Hello, Ada, 7"), "{output}");
    assert_eq!(error.matches('↻').count(), 2, "{error}");

    let (code, _, error) = mock("{}");
    assert_eq!(code, 1);
    assert!(error.contains("step `first` has no mock, and a run with mocks calls no service"), "{error}");

    let (code, _, error) = mock("frist: { body: 1 }");
    assert_eq!(code, 65);
    assert!(error.contains("did you mean `first`?"), "{error}");
    assert_eq!(upstream.calls(), 0);
}

#[test]
fn a_run_is_in_somebodys_name() {
    let upstream = Upstream::start();
    let pathway = "pathway: mine\non: { subject: input.user }\nreturn: '{{ auth.sub }} {{ auth.role }}'\n";
    let folder = project(&upstream, &[("mine.yaml", pathway)]);
    let (code, _, error) = run(folder.path(), &["run", "mine"]);
    assert_eq!(code, 1);
    assert!(error.contains("error[denied]") && error.contains("--as SUB"), "{error}");
    let (code, output, error) = run(folder.path(), &["run", "mine", "--as", "ada"]);
    assert_eq!((code, output.as_str()), (0, "\"ada authenticated\"\n"), "{error}");
    assert_eq!(run(folder.path(), &["run", "mine", "--as", "ada", "--set", "user=bob"]).0, 1);
}

#[cfg(unix)]
#[test]
fn ctrl_c_calls_the_run_off() {
    let upstream = Upstream::start();
    let pathway = "pathway: hang\nsteps:\n  wait: { http: { service: shop, get: /hang } }\n";
    let folder = project(&upstream, &[("hang.yaml", pathway)]);
    let child = self::pathway(folder.path(), &["run", "hang"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    upstream.until_called();
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let (code, output, error) = ended(child.wait_with_output().unwrap());
    assert_eq!((code, output.as_str()), (1, ""));
    assert!(error.contains("calling the run off") && error.contains("error[cancelled]"), "{error}");
}
