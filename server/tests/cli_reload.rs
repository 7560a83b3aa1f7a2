//! Loading a project again from outside: at a signal, by a command, and as files change.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

const PATIENCE: Duration = Duration::from_secs(60);

const PROJECT: &str = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: { level: error }\n";

fn open(value: &str) -> String {
    format!("pathway: p\non: {{ http: {{ post: /p, auth: none }} }}\nreturn: {value}\n")
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    fs::write(folder.path().join("pathway.yaml"), PROJECT).unwrap();
    write(folder.path(), &open("1"));
    folder
}

fn write(folder: &Path, text: &str) {
    // As editors do that lose nothing: beside it first.
    let path = folder.join("pathways/p.yaml");
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(["--color", "never"]).args(arguments).current_dir(folder).env_clear();
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A server that is ready.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    url: String,
}

impl Server {
    async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(folder, arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut server = Self { child, lines, url: String::new() };
        let said = server.says("http://127.0.0.1:").await;
        server.url = said.split_whitespace().last().unwrap().to_owned();
        server.says("pathways").await;
        server
    }

    /// The next line with this text in it.
    async fn says(&mut self, text: &str) -> String {
        let mut before = Vec::new();
        let line = async {
            loop {
                let Some(line) = self.lines.next_line().await.unwrap() else {
                    panic!("it ended, and said {before:#?}");
                };
                if line.contains(text) {
                    return line;
                }
                before.push(line);
            }
        };
        tokio::time::timeout(PATIENCE, line).await.unwrap()
    }

    async fn answer(&self) -> String {
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/p", self.url);
        let request = client.post(url).header("content-type", "application/json").body("{}");
        request.timeout(PATIENCE).send().await.unwrap().text().await.unwrap()
    }

    fn hang_up(&self) {
        let pid = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }
}

#[tokio::test]
async fn a_signal_has_it_loaded_again() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["serve"]).await;
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    server.hang_up();
    assert_eq!(server.says("reloaded").await, "reloaded: changed p");
    assert_eq!(server.answer().await, "2");
    write(folder.path(), &open("'{{ nothing }}'"));
    server.hang_up();
    server.says("pathways/p.yaml:3:").await;
    server.says("the last good version still serves").await;
    assert_eq!(server.answer().await, "2");
}

#[tokio::test]
async fn a_command_has_it_loaded_again() {
    let folder = folder();
    let server = Server::start(folder.path(), &["serve"]).await;
    let reload = async |expected: i32| {
        let ended = command(folder.path(), &["reload"]).output().await.unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8(ended.stdout).unwrap(),
            String::from_utf8(ended.stderr).unwrap()
        );
        assert_eq!(ended.status.code(), Some(expected), "{said}");
        said
    };
    assert_eq!(reload(0).await, "reloaded: no pathway is another\n");
    write(folder.path(), &open("'{{ nothing }}'"));
    let said = reload(65).await;
    assert!(said.contains("the last good definitions go on"), "{said}");
    assert!(said.contains("pathways/p.yaml:3:13: error[PW0503]"), "{said}");
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    fs::write(folder.path().join("pathway.yaml"), PROJECT.replace("error", "warn")).unwrap();
    assert_eq!(reload(0).await, "reloaded: changed p; holds after a restart only: log\n");
    assert_eq!(server.answer().await, "2");
}

#[tokio::test]
async fn with_watch_it_is_loaded_again_as_files_change() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["serve", "--watch"]).await;
    write(folder.path(), &open("'{{ nothing }}'"));
    server.says("the last good version still serves").await;
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    assert_eq!(server.says("reloaded").await, "reloaded: changed p");
    assert_eq!(server.answer().await, "2");
}
