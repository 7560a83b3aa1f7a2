//! `pathway serve` as a child.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use pathway_server::demo::StandIns;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::{Log, PATIENCE, binary, soon};

/// Before the address, in what a server says when it is ready.
const LISTENING: &str = "  listening ";
/// Before that for operators, in the line after it.
const ADMIN: &str = "  admin     ";

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Log,
    /// The line from which on it speaks.
    from: usize,
    /// Ready when it has said all.
    said: Vec<JoinHandle<()>>,
    url: String,
    admin: String,
}

impl Server {
    /// Starts one on the finance project in `folder`, with stand-ins for its upstreams; it is
    /// ready to serve.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(folder: &Path, stand_ins: &StandIns) -> Self {
        let upstreams = stand_ins.environment().into_iter();
        let environment = upstreams.chain([("PATHWAY_AUTH__MODE", "unverified".to_owned())]);
        Self::launch(folder, environment, &Log::default()).await
    }

    /// Starts one in `folder`, with nothing but this environment; what it says goes to `log`. It is
    /// ready to serve.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn launch<N: AsRef<std::ffi::OsStr>, V: AsRef<std::ffi::OsStr>>(
        folder: &Path,
        environment: impl IntoIterator<Item = (N, V)>,
        log: &Log,
    ) -> Self {
        Self::launch_as("serve", folder, environment, log).await
    }

    /// As [`Server::launch`], in this role.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn launch_as<N: AsRef<std::ffi::OsStr>, V: AsRef<std::ffi::OsStr>>(
        role: &str,
        folder: &Path,
        environment: impl IntoIterator<Item = (N, V)>,
        log: &Log,
    ) -> Self {
        let mut server = Self::spawn(role, folder, environment, log);
        let (from, listens) = (server.from, server.listens());
        (server.url, server.admin) = tokio::select! {
            urls = async { (listens.await, log.says(from, ADMIN).await) } => urls,
            status = server.child.wait() => panic!("the server ended ({status:?}):\n{}", log.text()),
        };
        server
    }

    /// Starts one in this role that need not come to serve.
    ///
    /// # Panics
    /// If there is no such program.
    pub fn spawn<N: AsRef<std::ffi::OsStr>, V: AsRef<std::ffi::OsStr>>(
        role: &str,
        folder: &Path,
        environment: impl IntoIterator<Item = (N, V)>,
        log: &Log,
    ) -> Self {
        Self::spawn_by(Command::new(binary()), role, folder, environment, log)
    }

    /// As [`Server::spawn`], by a command that runs what is added to it.
    ///
    /// # Panics
    /// If there is no such program.
    pub fn spawn_by<N: AsRef<std::ffi::OsStr>, V: AsRef<std::ffi::OsStr>>(
        mut command: Command,
        role: &str,
        folder: &Path,
        environment: impl IntoIterator<Item = (N, V)>,
        log: &Log,
    ) -> Self {
        let from = log.here();
        command
            .args([role, "--color", "never"])
            .current_dir(folder)
            .env_clear()
            // Free ports: tests run side by side.
            .env("PATHWAY_LISTEN", "127.0.0.1:0")
            .env("PATHWAY_ADMIN", "127.0.0.1:0")
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let Ok(mut child) = command.spawn() else { panic!("the server does not start") };
        let said = child.stdout.take().map(|output| log.keep(output));
        let said = said.into_iter().chain(child.stderr.take().map(|output| log.keep(output))).collect();
        Self { child, log: log.clone(), from, said, url: String::new(), admin: String::new() }
    }

    /// Ready with its URL when it serves.
    pub fn listens(&self) -> impl Future<Output = String> + use<> {
        let (log, from) = (self.log.clone(), self.from);
        async move {
            let line = log.says(from, LISTENING).await;
            line.split_once(LISTENING).map(|(_, url)| url.trim().to_owned()).unwrap_or_default()
        }
    }

    /// Ready when it has ended.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The URL of a path for operators, of a server that was launched.
    #[must_use]
    pub fn admin(&self, path: &str) -> String {
        let url = self.admin.split_once(ADMIN).map(|(_, url)| url.trim()).unwrap_or_default();
        format!("{url}{path}")
    }

    /// Where it listens: host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The id of its process.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.child.id()
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
        self.signal("TERM").await;
    }

    /// Sends it a signal, by its name.
    ///
    /// # Panics
    /// If it has ended already.
    pub async fn signal(&self, name: &str) {
        // Until it is waited for, its number is no other's.
        let Some(id) = self.child.id() else { panic!("the server has ended") };
        let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "the server was not sent {name}");
    }

    /// How it ends, and all that it said.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn end(mut self) -> (ExitStatus, String) {
        let ended = async {
            for said in &mut self.said {
                said.await.ok();
            }
            self.child.wait().await
        };
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(Ok(status)) => (status, self.log.text()),
            Ok(Err(error)) => panic!("the server cannot be waited for: {error}"),
            Err(_elapsed) => panic!("the server does not end:\n{}", self.log.text()),
        }
    }

    /// Waits until it says so from line `from` of its log on.
    ///
    /// # Panics
    /// If it does not.
    pub async fn says(&self, from: usize, text: &str) -> String {
        soon("the server to say it", self.log.says(from, text)).await
    }
}
