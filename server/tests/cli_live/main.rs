//! Servers whose project changes under them, from outside.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

#[cfg(test)]
mod dev;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod top;

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
    /// What it has said so far.
    said: Vec<String>,
}

impl Server {
    async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_saying(folder, arguments, "store").await
    }

    /// One that has said this.
    async fn start_saying(folder: &Path, arguments: &[&str], last: &str) -> Self {
        let mut command = command(folder, arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut server = Self { child, lines, url: String::new(), said: Vec::new() };
        let said = server.says("listening").await;
        let url = said.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        server.url = url.trim_end_matches(',').to_owned();
        server.says(last).await;
        server
    }

    /// The next line with this text in it.
    async fn says(&mut self, text: &str) -> String {
        let line = async {
            loop {
                let Some(line) = self.lines.next_line().await.unwrap() else {
                    panic!("it ended, and said {:#?}", self.said);
                };
                self.said.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
        };
        tokio::time::timeout(PATIENCE, line).await.unwrap()
    }

    async fn answer(&self) -> String {
        self.post("/p").await
    }

    async fn post(&self, path: &str) -> String {
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{path}", self.url);
        let request = client.post(url).header("content-type", "application/json").body("{}");
        request.timeout(PATIENCE).send().await.unwrap().text().await.unwrap()
    }

    fn hang_up(&self) {
        let pid = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }
}
