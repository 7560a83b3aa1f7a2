//! `pathway serve` as a child.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use pathway_server::demo::StandIns;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::{binary, soon};

/// A running server of the finance project.
#[derive(Debug)]
pub struct Server {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
    url: String,
}

impl Server {
    /// Starts one on the project in `folder`, with stand-ins for its upstreams; it is ready to
    /// serve.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(folder: &Path, stand_ins: &StandIns) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["serve", "--color", "never"])
            .current_dir(folder)
            .env_clear()
            .envs(stand_ins.environment())
            .env("PATHWAY_LISTEN", "127.0.0.1:0")
            .env("PATHWAY_AUTH__MODE", "unverified")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let Ok(mut child) = command.spawn() else { panic!("the server does not start") };
        let Some(stderr) = child.stderr.take() else { panic!("the server has no standard error") };
        let mut server = Self { child, said: BufReader::new(stderr).lines(), url: String::new() };
        server.url = soon("the address of the server", server.address()).await;
        server
    }

    /// The address that it says.
    async fn address(&mut self) -> String {
        let mut said = String::new();
        while let Ok(Some(line)) = self.said.next_line().await {
            if let Some((_, url)) = line.split_once("listening") {
                return url.trim().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("the server did not start:\n{said}");
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Kills it as a crash would, `kill -9`.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub async fn crash(mut self) {
        assert!(self.child.kill().await.is_ok(), "the server was not killed");
    }

    /// Asks it to stop, as a service manager does.
    ///
    /// # Panics
    /// If it has ended already.
    pub async fn terminate(&self) {
        let Some(id) = self.child.id() else { panic!("the server has ended") };
        let asked = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
        assert!(asked.is_ok_and(|status| status.success()), "the server was not asked to stop");
    }

    /// How it ends, and what it said at last.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        let ended = async {
            while let Ok(Some(line)) = self.said.next_line().await {
                said.push_str(&line);
                said.push('\n');
            }
            self.child.wait().await
        };
        match soon("the end of the server", ended).await {
            Ok(status) => (status, said),
            Err(error) => panic!("the server cannot be waited for: {error}"),
        }
    }
}
