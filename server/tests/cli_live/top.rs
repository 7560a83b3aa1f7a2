//! `pathway top`: a server at a glance, from outside.

use std::fs;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::{PATIENCE, Server, command, folder, open, write};

/// A service that answers nothing.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The next call of it: the run is under way, and has its places.
async fn called(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap().0
}

async fn top(folder: &std::path::Path, arguments: &[&str]) -> (i32, String, String) {
    let ended = command(folder, &[&["top"], arguments].concat()).output();
    let output = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_run_in_flight_and_what_it_holds_are_seen() {
    let folder = folder();
    let folder = folder.path();
    let (listener, url) = silent().await;
    let project = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: {{ level: error }}\n\
         services: {{ slow: {{ url: '{url}', max_parallel: 2 }} }}\n"
    );
    fs::write(folder.join("pathway.yaml"), project).unwrap();
    let waits = "pathway: w\nmax_runs: 1\non: { http: { post: /w, auth: none, mode: accept } }\n\
                 steps: { a: { http: { service: slow, get: /a } } }\n";
    fs::write(folder.join("pathways/w.yaml"), waits).unwrap();
    let server = Server::start(folder, &["serve"]).await;
    assert_eq!(server.answer().await, "1");
    let accepted: Value = serde_json::from_str(&server.post("/w").await).unwrap();
    let _held = called(&listener).await;

    let (code, told, error) = top(folder, &["--json"]).await;
    assert_eq!((code, error.as_str(), told.lines().count()), (0, "", 1), "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let named = |list: &str, key: &str, name: &str| {
        let list = told[list].as_array().unwrap();
        list.iter().find(|it| it[key] == name).unwrap_or_else(|| panic!("{name}: {told:#}")).clone()
    };
    let (p, w) = (named("pathways", "name", "p"), named("pathways", "name", "w"));
    assert_eq!((&p["started"], &p["succeeded"], &p["took"]["count"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!((&w["started"], &w["succeeded"], &w["running"]), (&1.into(), &0.into(), &1.into()));
    assert!(named("rates", "pathway", "p")["done"].as_f64().unwrap() > 0.0);
    let limits = told["limits"]["limits"].as_array().unwrap();
    let slow = limits.iter().find(|limit| limit["name"] == "service/slow").unwrap();
    assert_eq!((&slow["in_use"], &slow["permits"]), (&1.into(), &2.into()));
    let run = named("longest", "pathway", "w");
    assert_eq!((&run["id"], &run["doing"]), (&accepted["id"], &"running".into()), "{accepted}");
    assert_eq!(told["role"], "serve");

    let (code, told, error) = top(folder, &["--once"]).await;
    assert_eq!((code, error.as_str()), (0, ""), "{told}");
    let has = |start: &str, end: &str| {
        assert!(
            told.lines().any(|line| line.starts_with(start) && line.contains(end)),
            "{start} {end}: {told}"
        );
    };
    has("pathway 0.1.0", "serve");
    has("runs", "1 awake, 0 asleep, 1 not over, 0 parked");
    has("service/slow", "1 of 2");
    has("w ", " 1 ");
    assert!(told.contains(accepted["id"].as_str().unwrap()), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");

    let next: Value = serde_json::from_str(&server.post("/w").await).unwrap();
    let queued = async {
        loop {
            let told: Value = serde_json::from_str(&top(folder, &["--json"]).await.1).unwrap();
            let runs = told["longest"].as_array().unwrap();
            if let Some(run) = runs.iter().find(|run| run["id"] == next["id"] && run["doing"] == "queued") {
                return (run["status"].clone(), told["pathways"][1]["queued"].clone());
            }
        }
    };
    let queued = tokio::time::timeout(PATIENCE, queued).await.unwrap();
    assert_eq!(queued, ("ready".into(), 1.into()));
}

/// One that looks on.
struct Looking {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    errors: Lines<BufReader<ChildStderr>>,
}

impl Looking {
    fn on(folder: &std::path::Path) -> Self {
        let mut command = command(folder, &["top", "--json", "--every", "100ms"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let errors = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { _child: child, lines, errors }
    }

    async fn look(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }

    async fn says(&mut self, text: &str) {
        let said = async {
            loop {
                if self.errors.next_line().await.unwrap().unwrap().contains(text) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, said).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_asked_until_it_comes_back() {
    let folder = folder();
    let folder = folder.path();
    let mut server = Server::start(folder, &["serve"]).await;
    let mut looking = Looking::on(folder);
    let first = looking.look().await;
    let second = looking.look().await;
    assert_eq!(first["since"], second["since"]);
    assert!(second["over"].as_f64().unwrap() > 0.0);
    server.child.start_kill().unwrap();
    server.child.wait().await.unwrap();
    looking.says("the server did not answer").await;
    // At another address than before.
    let server = Server::start(folder, &["serve"]).await;
    looking.says("the server answers again").await;
    let anew = tokio::time::timeout(PATIENCE, async {
        loop {
            let look = looking.look().await;
            if look["since"] != first["since"] {
                return look;
            }
        }
    });
    assert_eq!(anew.await.unwrap()["pathways"][0]["started"], 0);
    assert_eq!(server.answer().await, "1", "it was not kept from starting");
}

#[tokio::test]
async fn where_no_server_is_it_says_what_to_do() {
    let folder = folder();
    let folder = folder.path();
    let (code, told, error) = top(folder, &[]).await;
    assert_eq!((code, told.as_str()), (75, ""), "{error}");
    assert!(error.contains("pathway serve"), "{error}");
    for arguments in [["--every", "0s"], ["--every", "2"], ["--every", "2h"]] {
        let (code, _, error) = top(folder, &arguments).await;
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("a time from `100ms` to `1h`"), "{error}");
    }
    write(folder, &open("2"));
    let mut server = Server::start(folder, &["serve"]).await;
    server.child.start_kill().unwrap();
    server.child.wait().await.unwrap();
    let (code, _, error) = top(folder, &["--once"]).await;
    assert_eq!(code, 75, "{error}");
    assert!(error.contains("the server did not answer") && error.contains("pathway serve"), "{error}");
}

/// On a terminal, that `script` makes: the screen is the other one, and is left at the end.
#[tokio::test]
async fn a_terminal_is_left_as_it_was_found() {
    let folder = folder();
    let folder = folder.path();
    let _server = Server::start(folder, &["serve"]).await;
    let binary = env!("CARGO_BIN_EXE_pathway");
    let inner = format!("stty cols 60 rows 20; echo $$ > pid; exec {binary} top --every 100ms");
    let mut script = tokio::process::Command::new("script");
    script.args(["-qec", &inner, "/dev/null"]).current_dir(folder).env_clear().env("TERM", "xterm");
    script.env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null()).kill_on_drop(true);
    let Ok(mut child) = script.stdout(Stdio::piped()).spawn() else {
        println!("passed over: there is no `script`");
        return;
    };
    let mut output = child.stdout.take().unwrap();
    let mut told = Vec::new();
    let drawn = async {
        while !String::from_utf8_lossy(&told).contains("PATHWAY") {
            assert!(output.read_buf(&mut told).await.unwrap() > 0, "{}", String::from_utf8_lossy(&told));
        }
        let pid = fs::read_to_string(folder.join("pid")).unwrap();
        let sent = std::process::Command::new("kill").args(["-TERM", pid.trim()]).status().unwrap();
        assert!(sent.success());
        output.read_to_end(&mut told).await.unwrap();
    };
    tokio::time::timeout(PATIENCE, drawn).await.unwrap();
    let told = String::from_utf8_lossy(&told);
    let (enter, leave) = ("\u{1b}[?1049h", "\u{1b}[?1049l");
    assert_eq!((told.matches(enter).count(), told.matches(leave).count()), (1, 1), "{told}");
    assert!(told.trim_end().ends_with(leave), "{told}");
    assert!(told.contains("pathway 0.1.0") && told.contains("since it began"), "{told}");
}
