//! `pathway serve` from outside: how it begins, and whom it knows.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing listens at port 9.
const PROJECT: &str = "
listen: 127.0.0.1:0
admin: 127.0.0.1:0
auth:
  jwks: http://127.0.0.1:9/keys
  introspect: http://127.0.0.1:9/user
  secret: ${SHARED_SECRET:-}
";

const USER: &str = "pathway: for_users\non: { http: { post: /users } }\nreturn: 1\n";
const SERVICE: &str = "pathway: nightly\non: { http: { post: /nightly, auth: service } }\nreturn: 2\n";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pathway.yaml"), PROJECT).unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    fs::write(folder.path().join("pathways/users.yaml"), USER).unwrap();
    fs::write(folder.path().join("pathways/nightly.yaml"), SERVICE).unwrap();
    folder
}

fn command(folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(["serve", "--color", "never"]).current_dir(folder).env_clear();
    command.envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A server that is ready: itself, its URL, and how it says that tokens are verified.
async fn serve(folder: &Path, environment: &[(&str, &str)]) -> (Child, String, String) {
    let mut child = command(folder, environment).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = async {
        let (mut url, mut auth) = (None, None);
        while let (None, _) | (_, None) = (&url, &auth) {
            let line = lines.next_line().await.unwrap().unwrap();
            let after = |name: &str| line.trim().strip_prefix(name).map(|rest| rest.trim().to_owned());
            url = url.or(after("listening"));
            auth = auth.or(after("auth"));
        }
        (url.unwrap(), auth.unwrap())
    };
    let (url, auth) = tokio::time::timeout(PATIENCE, said).await.unwrap();
    // What it logs from now on has to go somewhere.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, url, auth)
}

async fn post(url: &str, token: &str) -> StatusCode {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).bearer_auth(token).timeout(PATIENCE);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn an_issuer_that_is_away_stops_no_server() {
    let folder = folder();
    let (_child, url, auth) = serve(folder.path(), &[]).await;
    assert_eq!(auth, "verified with the keys at http://127.0.0.1:9/keys, asking http://127.0.0.1:9/user");
    // {"alg":"ES256"} and {"sub":"ann","exp":4102444800}
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDB9.c2ln";
    assert_eq!(post(&format!("{url}/users"), token).await, StatusCode::SERVICE_UNAVAILABLE);

    let path = folder.path().join("data/admin-token");
    let admin = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(post(&format!("{url}/nightly"), admin.trim()).await, StatusCode::OK);
    assert_eq!(post(&format!("{url}/nightly"), token).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn keys_and_tokens_can_be_given() {
    let folder = folder();
    fs::write(folder.path().join("token"), "the-token-of-the-operators\n").unwrap();
    let environment = [
        ("PATHWAY_ADMIN_TOKEN_FILE", "token"),
        ("PATHWAY_SEAL_KEYS", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("SHARED_SECRET", "a-secret-that-is-shared-with-the-issuer"),
    ];
    let (_child, url, auth) = serve(folder.path(), &environment).await;
    assert!(auth.contains("SHARED SECRET") && !auth.contains("a-secret"), "{auth}");
    assert_eq!(post(&format!("{url}/nightly"), "the-token-of-the-operators").await, StatusCode::OK);
    for file in ["seal.key", "admin-token"] {
        assert!(!folder.path().join("data").join(file).exists(), "{file}");
    }
}

#[tokio::test]
async fn what_is_given_must_be_good() {
    let folder = folder();
    for (name, value) in [("PATHWAY_SEAL_KEYS", "hunter2"), ("PATHWAY_ADMIN_TOKEN", "hunter2")] {
        let ended = command(folder.path(), &[(name, value)]).output();
        let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(78), "{said}");
        assert!(said.contains(name) && !said.contains(value), "{said}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_setting() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (variable, setting) in [("PATHWAY_LISTEN", "`listen`"), ("PATHWAY_ADMIN", "`admin`")] {
        let ended = command(folder.path(), &[(variable, &address)]).output();
        let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(75), "{said}");
        assert!(said.contains(&address) && said.contains(setting), "{said}");
    }
}

/// Gateways and workers apart need what they share.
#[tokio::test]
async fn gateways_and_workers_need_what_they_share() {
    const KAFKA: (&str, &str) = ("PATHWAY_BUS__KAFKA__SERVERS", "127.0.0.1:9");
    const POSTGRES: (&str, &str) = ("PATHWAY_STORE__POSTGRES", "postgres://127.0.0.1:9/none");
    let folder = folder();
    for (role, environment, message) in [
        ("worker", &[][..], "the embedded bus is part of one process"),
        ("worker", &[KAFKA][..], "that a worker has to be given: set `PATHWAY_SEAL_KEYS`"),
        ("gateway", &[POSTGRES][..], "the embedded bus is part of one process"),
        ("gateway", &[KAFKA][..], "a store in a folder is one process's: use `pathway serve`"),
        ("gateway", &[KAFKA, POSTGRES][..], "the workers have to be given too: set `PATHWAY_SEAL_KEYS`"),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_pathway"))
            .args([role, "--color", "never"])
            .current_dir(folder.path())
            .env_clear()
            .envs(environment.iter().copied())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(78), "{said}");
        assert!(said.contains(message), "{said}");
        assert!(!folder.path().join("data").exists(), "nothing was begun");
    }
}

#[tokio::test]
async fn lines_about_a_run_name_it_and_its_step_in_every_form() {
    let away = "services: { away: { url: \"http://127.0.0.1:9\", retry: { attempts: 1 } } }\n";
    let breaks = "pathway: breaks\non: { http: { post: /breaks, auth: none } }\nsteps:\n  a: { steps: { b: { http: { service: away, get: / } } } }\n";
    for form in ["auto", "json", "pretty", "compact", "classic"] {
        let folder = folder();
        fs::write(folder.path().join("pathway.yaml"), format!("{PROJECT}{away}")).unwrap();
        fs::write(folder.path().join("pathways/breaks.yaml"), breaks).unwrap();
        let said = [("PATHWAY_LOG__FORMAT", form), ("PATHWAY_LOG", "info,pathway_server::runner=debug")];
        let mut child = command(folder.path(), &said).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = async {
            let (mut run, mut told) = (String::new(), Vec::new());
            // Whoever asked may be answered before the log says how the run ended.
            let mut missing = vec!["request_id", "parked: it can"];
            while !missing.is_empty() {
                let line = lines.next_line().await.unwrap().unwrap();
                if let Some(url) = line.trim().strip_prefix("listening") {
                    let client = Client::builder().no_proxy().build().unwrap();
                    let answer = client.post(format!("{}/breaks", url.trim())).send().await.unwrap();
                    run = answer.headers()["pathway-run"].to_str().unwrap().to_owned();
                    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
                }
                missing.retain(|part| !line.contains(part));
                told.push(line);
            }
            (run, told)
        };
        let (run, told) = tokio::time::timeout(PATIENCE, told).await.unwrap();
        for (what, names) in [
            ("an attempt failed", &["attempt", "class", "outage"][..]),
            ("parked: it can be redriven", &["class", "outage"]),
        ] {
            let line =
                told.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{form}: {told:#?}"));
            let names = names.iter().chain(&["run", "step", "a.b", "why", "pathway", "breaks"]);
            for part in names.copied().chain([run.as_str()]) {
                assert!(line.contains(part), "{form}: {part} in {line}");
            }
            if matches!(form, "auto" | "json") {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!((&line["run"], &line["step"]), (&run.as_str().into(), &"a.b".into()), "{line}");
                assert!(line["message"].as_str().unwrap().starts_with(what), "{line}");
            }
        }
        let request = told.iter().find(|line| line.contains("request_id")).unwrap();
        assert!(request.contains(&run), "{form}: {request}");
    }
}
