//! `pathway runs` and `pathway dlq` from outside: beside a server, and without one.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing listens at port 9.
const PROJECT: &str = "
listen: 127.0.0.1:0
admin: 127.0.0.1:0
services: { away: { url: 'http://127.0.0.1:9', retry: { attempts: 1 } } }
";

const FAILS: &str = "pathway: fails\non: { http: { post: /fails, auth: none } }\n\
                     steps: { a: { http: { service: away, get: /a } } }\nreturn: \"{{ steps.a.body }}\"\n";
const WAITS: &str = "pathway: waits\non: { http: { post: /waits, auth: none } }\n\
                     steps: { ok: { wait: { signal: approved } } }\nreturn: \"{{ steps.ok.by }}\"\n";
const ONCE: &str = "pathway: once\non: { http: { post: /once, auth: none } }\n\
                    steps: { ok: { once: \"'k'\", wait: { signal: approved } } }\n\
                    return: \"{{ steps.ok.by if steps.ok else 'skipped' }}\"\n";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pathway.yaml"), PROJECT).unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    fs::write(folder.path().join("pathways/fails.yaml"), FAILS).unwrap();
    fs::write(folder.path().join("pathways/waits.yaml"), WAITS).unwrap();
    fs::write(folder.path().join("pathways/once.yaml"), ONCE).unwrap();
    folder
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(["--color", "never"]).current_dir(folder).env_clear().kill_on_drop(true);
    command
}

/// A server that is ready, and its URL.
async fn serve(folder: &Path) -> (Child, String) {
    let mut command = command(folder);
    command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let url = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some(url) = line.trim().strip_prefix("listening") {
                return url.trim().to_owned();
            }
        }
    };
    let url = tokio::time::timeout(PATIENCE, url).await.unwrap();
    // What it logs from now on has to go somewhere.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, url)
}

/// How a command ends, and what it prints and tells.
async fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let ended = tokio::time::timeout(PATIENCE, command(folder).args(arguments).output());
    let output = ended.await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

async fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (code, output, error) = run(folder, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&output).unwrap()
}

/// Starts a run, and gives its id once it has ended or been accepted.
async fn start(url: &str) -> String {
    start_with(url, "{}").await
}

async fn start_with(url: &str, body: &'static str) -> String {
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let request = client.post(url).header("content-type", "application/json").body(body);
    let response = request.header("prefer", "respond-async").send().await.unwrap();
    response.headers()["pathway-run"].to_str().unwrap().to_owned()
}

/// The answer of the gateway once a run is over.
async fn ended(url: &str, id: &str) -> Value {
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let response = client.get(format!("{url}/api/runs/{id}?wait=60")).send().await.unwrap();
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn parked_runs_are_redriven_and_dropped_beside_a_server() {
    let folder = folder();
    let folder = folder.path();
    let (mut server, url) = serve(folder).await;
    let id = start(&format!("{url}/fails")).await;
    assert_eq!(ended(&url, &id).await["status"], "parked");
    let listed = json(folder, &["dlq", "list"]).await;
    assert_eq!((&listed[0]["id"], &listed[0]["failure"]["class"]), (&json!(id), &json!("outage")));
    let (_, table, _) = run(folder, &["dlq", "list", "--pathway", "fails"]).await;
    assert!(table.starts_with("ID ") && table.contains(&id) && table.contains("outage"), "{table}");

    let dry = json(folder, &["dlq", "redrive", "--all", "--class", "outage", "--dry-run"]).await;
    assert_eq!((&dry["runs"], &dry["dry_run"]), (&json!([id]), &json!(true)));
    let none = json(folder, &["dlq", "redrive", "--all", "--older-than", "3600"]).await;
    assert_eq!(none["runs"], json!([]));
    assert_eq!(run(folder, &["dlq", "redrive", &id, "--current"]).await.0, 0);
    assert_eq!(ended(&url, &id).await["status"], "parked", "the service is still away");
    let shown = json(folder, &["dlq", "show", &id]).await;
    assert_eq!((&shown["steps"][0]["path"], &shown["steps"][0]["attempts"]), (&json!("a"), &json!(2)));
    let (_, text, _) = run(folder, &["runs", "show", &id]).await;
    assert!(text.contains("\nstatus    parked\n") && text.contains("\na     failed"), "{text}");
    let bars = text.lines().find(|line| line.starts_with("a  ") && line.contains('▒')).unwrap();
    assert!(bars.ends_with(", 2×") && !text.contains('\u{1b}'), "both attempts: {text}");
    let (_, trace, _) = run(folder, &["runs", "export", &id, "--perfetto"]).await;
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["args"]["step"] == "a");
    let attempts: Vec<_> = slices.filter(|slice| slice["name"] != "waits for its turn").collect();
    assert_eq!((&attempts[0]["name"], &attempts[1]["name"]), (&json!("a"), &json!("a, attempt 2")));

    assert_eq!(run(folder, &["dlq", "drop", &id]).await.0, 0);
    let (code, _, error) = run(folder, &["dlq", "redrive", &id, "unknown"]).await;
    assert_eq!(code, 1);
    assert!(error.contains("the run is not parked") && error.contains("there is no such run"), "{error}");

    server.kill().await.unwrap();
    let runs = json(folder, &["runs", "list", "--status", "failed"]).await;
    assert_eq!((runs[0]["id"].as_str(), runs.as_array().unwrap().len()), (Some(&*id), 1));
    assert_eq!(json(folder, &["runs", "show", &id]).await["failure"]["step"], "a");
    let (code, _, error) = run(folder, &["dlq", "redrive", &id]).await;
    assert_eq!(code, 75, "{error}");
    assert!(error.contains("no server is at work"), "{error}");
}

#[tokio::test]
async fn a_run_is_run_again_beside_a_server() {
    let folder = folder();
    let folder = folder.path();
    let (mut server, url) = serve(folder).await;
    let old = start(&format!("{url}/fails")).await;
    assert_eq!(ended(&url, &old).await["status"], "parked");
    let (code, new, notes) = run(folder, &["runs", "rerun", &old]).await;
    assert_eq!(code, 0, "{notes}");
    assert_eq!(notes.trim(), format!("`{old}` stays parked until it is dropped: pathway dlq drop {old}"));
    let new = new.trim();
    assert_eq!(ended(&url, new).await["status"], "parked");
    let (_, text, _) = run(folder, &["runs", "show", new]).await;
    assert!(text.contains(&format!("\nagain     what {old} did\n")), "{text}");
    let (_, text, _) = run(folder, &["runs", "show", &old]).await;
    assert!(text.contains(&format!("\nrerun     as {new}\n")), "{text}");

    let wrong = ["runs", "rerun", &old, "--from", "aa", "--current"];
    let (code, _, error) = run(folder, &wrong).await;
    assert_eq!((code, error.trim()), (1, "error: there is no step `aa`: the pathway has `a`"));
    assert_eq!(run(folder, &["runs", "rerun", &old, "--from", "a", "--only", "a"]).await.0, 2);
    let only = json(folder, &["runs", "rerun", &old, "--only", "a"]).await;
    assert_eq!((&only["rerun_of"], &only["kept"]), (&json!(old), &json!([])));
    ended(&url, only["id"].as_str().unwrap()).await;

    server.kill().await.unwrap();
    assert_eq!(json(folder, &["runs", "show", &old]).await["reruns"].as_array().unwrap().len(), 2);
    let (code, _, error) = run(folder, &["runs", "rerun", &old]).await;
    assert_eq!(code, 75, "{error}");
}

const SUM: &str = "pathway: sum\non: { http: { post: /sum, auth: none } }\nsteps:\n  \
                   told: { publish: { topic: told, value: { n: 1 } } }\nreturn: { n: 1 }\n";
const PIN: &str = "pathway: pin\non: { http: { post: /pin, auth: none } }\n\
                   input: { type: object, properties: { pin: { type: string, writeOnly: true } } }\n\
                   steps: { a: { http: { service: away, post: /a, json: { n: 1, pin: \"{{ input.pin or 0 }}\" } } } }\n";

/// What a server holds, and what it leaves behind, is replayed alike.
#[tokio::test]
async fn what_happened_is_told_to_a_changed_pathway_without_doing_anything() {
    let folder = folder();
    let folder = folder.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("pathways/sum.yaml", SUM);
    write("pathways/pin.yaml", PIN);
    let (mut server, url) = serve(folder).await;
    let sum = start(&format!("{url}/sum")).await;
    assert_eq!(ended(&url, &sum).await["status"], "succeeded");
    let pin = start_with(&format!("{url}/pin"), r#"{"pin": "planted"}"#).await;
    assert_eq!(ended(&url, &pin).await["status"], "parked");
    let waits = start(&format!("{url}/waits")).await;

    let (code, output, notes) = run(folder, &["replay", &sum, &pin, &waits]).await;
    assert_eq!((code, notes.as_str()), (0, "3 runs: 3 agree, 0 do not\n"), "{output}");
    assert!(output.contains(&format!("{sum}  sum  succeeded  agrees\n")), "{output}");

    // A file in the place of the project's.
    fs::create_dir(folder.join("drafts")).unwrap();
    write("drafts/sum.yaml", &SUM.replace("value: { n: 1 }", "value: { n: 2 }"));
    let with = ["replay", "--with", "drafts/sum.yaml", &sum];
    let (code, output, _) = run(folder, &with).await;
    let expected = format!(
        "{sum}  sum  succeeded  differs: `told` would ask for something else\n       publish  to `told`\n  \
         was  value    {{\"n\":1}}\n  now  value    {{\"n\":2}}\n"
    );
    assert_eq!((code, &output), (1, &expected));
    let (code, output, _) = run(folder, &["replay", "--with", "drafts/sum.yaml", &pin]).await;
    assert_eq!(code, 1);
    assert!(output.contains("cannot be compared: it is a run of `pin`, not of `sum`"), "{output}");

    // One that lies elsewhere, also where that is worked in.
    let elsewhere = tempfile::tempdir().unwrap();
    let draft = elsewhere.path().join("sum.yaml");
    let lay = |text: &str| fs::write(&draft, text).unwrap();
    let draft = draft.to_str().unwrap();
    lay(&SUM.replace("value: { n: 1 }", "value: { n: 2 }"));
    let with = ["replay", "--with", draft, &sum];
    assert_eq!(run(folder, &with).await.1, expected);
    let project = [&with[..], &["--project", folder.to_str().unwrap()]].concat();
    assert_eq!(run(elsewhere.path(), &project).await.1, expected);
    let refused = async |code: i32, expected: &str| {
        let (found, _, error) = run(folder, &with).await;
        assert_eq!(found, code, "{error}");
        assert!(error.contains(expected), "{error}");
    };
    lay("pathway: sum\nreturn: \"{{ nothing }}\"\n");
    let in_place = format!("`{draft}`, in the place of `pathways/sum.yaml`, does not compile");
    refused(65, &in_place).await;
    lay("pathway: sums\nreturn: 1\n");
    refused(2, &format!("the project has no pathway `sums` in whose place `{draft}` could be")).await;
    lay("steps: {}\n");
    refused(65, &format!("`{draft}` is no pathway")).await;
    fs::remove_file(draft).unwrap();
    refused(2, &format!("`{draft}` was not read: there is no such file")).await;

    // The project's own, with and without a server.
    write("pathways/pin.yaml", &PIN.replace("n: 1,", "n: 2,"));
    write("pathways/sum.yaml", &SUM.replace("return: { n: 1 }", "return: { n: 2 }"));
    let compared = async |arguments: &[&str]| {
        let (code, output, error) = run(folder, &[&["replay", "--json"], arguments].concat()).await;
        assert_eq!(code, 1, "{error}");
        assert!(!output.contains("planted"), "{output}");
        serde_json::from_str::<Value>(&output).unwrap()
    };
    let beside = compared(&["--all", "--limit", "2"]).await;
    assert_eq!((&beside[0]["verdict"], &beside[1]["verdict"]), (&json!("agrees"), &json!("differs")));
    let expected = json!({
        "event": 0, "at": beside[1]["difference"]["at"], "step": "a", "how": "request",
        "said": "would ask for something else",
        "was": { "request": "POST /a of `away`", "json": "{\"n\":1,\"pin\":\"********\"}" },
        "now": { "request": "POST /a of `away`", "json": "{\"n\":2,\"pin\":\"********\"}" },
    });
    assert_eq!((&beside[1]["difference"], &beside[1]["redrivable"]), (&expected, &json!(true)));
    let ended = compared(&[&sum]).await;
    let outcomes = (&ended[0]["difference"]["was"], &ended[0]["difference"]["now"]);
    assert_eq!(outcomes, (&json!({ "returns": "{\"n\":1}" }), &json!({ "returns": "{\"n\":2}" })));
    server.kill().await.unwrap();
    assert_eq!(compared(&["--all", "--limit", "2"]).await, beside);
    assert_eq!(compared(&["--all", "--status", "parked"]).await, json!([beside[1]]));
    assert_eq!(compared(&["--all", "--pathway", "sum"]).await, ended);

    // The journal of a secret input is sealed, and opened only by who has the key.
    fs::rename(folder.join("data/seal.key"), folder.join("seal.key")).unwrap();
    let sealed = compared(&[&pin]).await;
    let why = "event 0 cannot be read: it is sealed, and the key is not here";
    assert_eq!((&sealed[0]["verdict"], &sealed[0]["why"]), (&json!("unknown"), &json!(why)));
    assert!(!folder.join("data/seal.key").exists(), "none is made");
    write("pathways/sum.yaml", "pathway: sum\nreturn: \"{{ nothing }}\"\n");
    assert_eq!(run(folder, &["replay", &sum]).await.0, 65);
    assert_eq!(run(folder, &["replay"]).await.0, 2);
}

#[tokio::test]
async fn a_run_that_waits_says_why_and_is_told() {
    let folder = folder();
    let folder = folder.path();
    let (_server, url) = serve(folder).await;
    let ids = [start(&format!("{url}/waits")).await, start(&format!("{url}/waits")).await];
    for id in &ids {
        let (_, why, _) = run(folder, &["runs", "why", id]).await;
        assert_eq!(why, "it waits for the signal `approved`, in step `ok`\n");
    }
    let asleep = async {
        loop {
            let listed = json(folder, &["runs", "list", "--status", "ready"]).await;
            if listed.as_array().unwrap().iter().all(|run| run["doing"] == "waiting") {
                return listed;
            }
        }
    };
    let listed = tokio::time::timeout(PATIENCE, asleep).await.unwrap();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["status"]), (2, &json!("ready")));
    assert_eq!(run(folder, &["runs", "list"]).await.1.matches(" waiting ").count(), 2);
    assert!(run(folder, &["runs", "show", &ids[0]]).await.1.contains("\nstatus    waiting\n"));
    let signal = ["runs", "signal", &ids[0], "approved", "--data", r#"{"by": "ops"}"#];
    assert_eq!(run(folder, &signal).await.0, 0);
    assert_eq!(ended(&url, &ids[0]).await["result"], "ops");
    assert_eq!(run(folder, &["runs", "cancel", &ids[1]]).await.0, 0);
    assert_eq!(ended(&url, &ids[1]).await["status"], "cancelled");
    let (_, why, _) = run(folder, &["runs", "why", &ids[1]]).await;
    assert_eq!(why, "it waits for nothing, and is cancelled: cancelled: cancelled by an operator\n");
    let (code, _, error) = run(folder, &["runs", "cancel", &ids[1]]).await;
    assert_eq!((code, error.trim()), (1, "error: the run has ended"));
    for (arguments, code) in [(&["runs", "list", "--status", "odd"][..], 2), (&["dlq", "redrive"], 2)] {
        assert_eq!(run(folder, arguments).await.0, code, "{arguments:?}");
    }
}

/// What a run waits for, once it waits for something.
async fn why(folder: &Path, id: &str) -> String {
    let why = async {
        loop {
            let (_, why, _) = run(folder, &["runs", "why", id]).await;
            if !why.contains("waits for nothing") {
                return why;
            }
        }
    };
    tokio::time::timeout(PATIENCE, why).await.unwrap()
}

#[tokio::test]
async fn a_run_is_seen_in_the_picture_of_its_pathway() {
    let folder = folder();
    let folder = folder.path();
    let (_server, url) = serve(folder).await;
    let id = start(&format!("{url}/fails")).await;
    assert_eq!(ended(&url, &id).await["status"], "parked");
    let (code, picture, error) = run(folder, &["graph", "fails", "--run", &id]).await;
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(picture.starts_with("<svg ") && picture.contains("<title>a: failed</title>"), "{picture}");
    let (code, picture, _) = run(folder, &["graph", "fails", "--format", "svg"]).await;
    assert!(code == 0 && picture.contains("<title>a</title>"), "{picture}");

    let (code, _, error) = run(folder, &["graph", "waits", "--run", &id]).await;
    assert!(code == 2 && error.contains("it is a run of `fails`, not of `waits`"), "{error}");
    let (code, _, error) = run(folder, &["graph", "fails", "--run", &id, "--format", "dot"]).await;
    assert!(code == 2 && error.contains("only shown as SVG"), "{error}");
}

#[tokio::test]
async fn a_run_that_waits_until_another_has_done_it_says_which() {
    let folder = folder();
    let folder = folder.path();
    let (_server, url) = serve(folder).await;
    let first = start(&format!("{url}/once")).await;
    assert_eq!(why(folder, &first).await, "it waits for the signal `approved`, in step `ok`\n");
    let second = start(&format!("{url}/once")).await;
    let expected = format!("it waits for its claim to `k`, in step `ok`; held by once {first} ok\n");
    assert_eq!(why(folder, &second).await, expected);
    let waits = json(folder, &["runs", "why", &second]).await;
    let holders = [format!("once {first} ok")];
    assert_eq!(waits, json!([{ "for": "claim", "name": "k", "step": "ok", "holders": holders }]));
    let signal = ["runs", "signal", &first, "approved", "--data", r#"{"by": "ops"}"#];
    assert_eq!(run(folder, &signal).await.0, 0);
    assert_eq!(ended(&url, &first).await["result"], "ops");
    assert_eq!(ended(&url, &second).await["result"], "skipped");
}

#[tokio::test]
async fn without_a_store_there_is_nothing_to_tell_and_none_is_made() {
    let folder = folder();
    let (code, _, error) = run(folder.path(), &["runs", "list"]).await;
    assert_eq!(code, 1);
    assert!(error.contains("there is no store yet"), "{error}");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn limits_are_shown_and_set_beside_a_server() {
    let folder = folder();
    let folder = folder.path();
    let (code, _, error) = run(folder, &["limits", "show"]).await;
    assert_eq!(code, 1, "there is no store yet: {error}");
    let (mut server, url) = serve(folder).await;
    let (code, _, said) = run(folder, &["limits", "set", "pathway/fails", "0"]).await;
    assert_eq!((code, said.trim()), (0, "pathway/fails: 0 until the server ends"));
    let id = start(&format!("{url}/fails")).await;
    let (_, why, _) = run(folder, &["runs", "why", &id]).await;
    assert!(why.contains("pathway fails"), "{why}");
    let (_, table, note) = run(folder, &["limits", "show"]).await;
    let line = table.lines().find(|line| line.starts_with("pathway/fails")).unwrap();
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(cells, ["pathway/fails", "0", "(project:", "any)", "0", "1"], "{table}");
    assert_eq!(note.trim(), "of this process; revision 1");

    let (code, _, said) = run(folder, &["limits", "set", "pathway/fails", "2", "--revision", "0"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("this is revision 1"), "{said}");
    let (code, _, said) = run(folder, &["limits", "set", "pathway/fail", "2"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("there is no limit `pathway/fail`; there are pathway/fails"), "{said}");
    let (code, _, said) = run(folder, &["limits", "reset", "--all"]).await;
    assert_eq!((code, said.trim()), (0, "pathway/fails: any as the project says"));
    assert_eq!(ended(&url, &id).await["status"], "parked");
    let shown = json(folder, &["limits", "show"]).await;
    assert!(shown["limits"].as_array().unwrap().iter().all(|limit| limit["source"] == "project"));
    server.kill().await.unwrap();
}

#[tokio::test]
async fn a_limit_for_each_key_tells_of_the_busiest() {
    let folder = folder();
    let folder = folder.path();
    let keyed = FAILS.replace("fails", "keyed") + "max_runs: { slots: 1, per: input.user }\n";
    fs::write(folder.join("pathways/keyed.yaml"), keyed).unwrap();
    let (_server, url) = serve(folder).await;
    let (code, _, said) = run(folder, &["limits", "set", "pathway/keyed/per", "0"]).await;
    assert_eq!((code, said.trim()), (0, "pathway/keyed/per: 0 per key until the server ends"));
    let id = start_with(&format!("{url}/keyed"), r#"{"user": "ann"}"#).await;
    let why = why(folder, &id).await;
    assert!(why.contains("it waits for a slot of pathway keyed for key ann\n"), "{why}");
    let (_, table, _) = run(folder, &["limits", "show"]).await;
    let line = table.lines().find(|line| line.starts_with("pathway/keyed/per")).unwrap();
    let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let expected = ["pathway/keyed/per", "0 per key (project: 1 per key)", "0", "1", "ann (0, 1 waiting)"];
    assert_eq!(cells, expected, "{table}");
    let (code, _, said) = run(folder, &["limits", "reset", "pathway/keyed/per"]).await;
    assert_eq!((code, said.trim()), (0, "pathway/keyed/per: 1 per key as the project says"));
    assert_eq!(ended(&url, &id).await["status"], "parked");
}

#[tokio::test]
async fn a_run_is_written_out_as_a_test_that_does_what_it_did() {
    let folder = folder();
    let folder = folder.path();
    let input = "{ type: object, required: [card], properties: { card: { type: string, writeOnly: true } } }";
    let pathway = format!(
        "pathway: pays\non: {{ http: {{ post: /pays, auth: none }} }}\ninput: {input}\n\
         steps: {{ a: {{ http: {{ service: away, post: /a, json: {{ card: \"{{{{ input.card }}}}\" }} }} }} }}\nreturn: 1\n"
    );
    fs::write(folder.join("pathways/pays.yaml"), pathway).unwrap();
    let (mut server, url) = serve(folder).await;
    let failed = start_with(&format!("{url}/pays"), r#"{"card": "4711-0815"}"#).await;
    assert_eq!(ended(&url, &failed).await["status"], "parked");
    let waiting = start(&format!("{url}/waits")).await;
    let (code, _, error) =
        run(folder, &["runs", "signal", &waiting, "approved", "--data", r#"{"by": "boss"}"#]).await;
    assert_eq!(code, 0, "{error}");
    ended(&url, &waiting).await;

    for (id, name) in [(&failed, "pays"), (&waiting, "waits")] {
        let (code, text, error) = run(folder, &["runs", "export", id, "--test"]).await;
        assert_eq!(code, 0, "{error}");
        assert!(!text.contains("4711"), "{text}");
        fs::write(folder.join(format!("pathways/{name}.test.yaml")), &text).unwrap();
        let (code, told, error) = run(folder, &["test", name]).await;
        assert_eq!(code, 0, "{told}{error}\n{text}");
        let journal: Value = serde_json::from_str(&run(folder, &["runs", "export", id]).await.1).unwrap();
        assert_eq!(journal["id"], **id);
    }
    let text = fs::read_to_string(folder.join("pathways/pays.test.yaml")).unwrap();
    assert!(text.contains("card: '********'") && text.contains("class: outage"), "{text}");
    server.kill().await.unwrap();
}
