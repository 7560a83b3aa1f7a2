//! The peer: a Restate server with a service of two handlers, on ports that were free.
//!
//! What is started comes from a folder that is given: `restate-server`, and `handler`, which takes the
//! address that it listens on and the URL that it calls. Nothing of it is part of this repository but
//! how it is set.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::process::Process;
use crate::wire::{self, Connection};

/// How it is set, tuned in its favour.
const SETTINGS: &str = include_str!("../../peers/restate.toml");
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// A server and its handler. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Peer {
    server: Child,
    handler: Child,
    /// Where it is asked.
    pub(super) address: String,
    pub(super) data: TempDir,
}

impl Peer {
    pub(super) fn start(folder: &Path, service: &str) -> Result<Self, String> {
        let data = tempfile::tempdir().map_err(text)?;
        let settings = data.path().join("restate.toml");
        std::fs::write(&settings, SETTINGS).map_err(text)?;
        let [ingress, admin, node, handles] = [free()?, free()?, free()?, free()?];
        let mut server = Command::new(folder.join("restate-server"));
        server.arg("--no-logo").args(["--node-name", "bench", "--bind-ip", "127.0.0.1"]);
        server.args(["--listen-mode", "tcp", "--bind-port", &node.to_string()]);
        server.arg("--base-dir").arg(data.path()).arg("--config-file").arg(settings);
        server.env("RESTATE_INGRESS__BIND_PORT", ingress.to_string());
        server.env("RESTATE_ADMIN__BIND_PORT", admin.to_string());
        let handled = format!("127.0.0.1:{handles}");
        let mut handler = Command::new(folder.join("handler"));
        handler.arg(&handled).arg(format!("http://{service}/echo"));
        let server = spawn(server)?;
        let handler = match spawn(handler) {
            Ok(handler) => handler,
            Err(why) => {
                end(server);
                return Err(why);
            }
        };
        let peer = Self { server, handler, address: format!("127.0.0.1:{ingress}"), data };
        let registration = json!({"uri": format!("http://{handled}")}).to_string();
        wait_for(&format!("127.0.0.1:{admin}"), "/deployments", &registration, "HTTP/1.1 201")?;
        Ok(peer)
    }

    /// The server, and the handler.
    pub(super) fn processes(&self) -> [Process; 2] {
        [Process(self.server.id()), Process(self.handler.id())]
    }

    /// Waits until it answers this request.
    pub(super) fn wait_for_work(&self, path: &str, body: &str) -> Result<(), String> {
        wait_for(&self.address, path, body, "HTTP/1.1 200")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.handler] {
            // One that has ended already is ended.
            let _ended = child.kill();
            let _waited = child.wait();
        }
    }
}

fn spawn(mut command: Command) -> Result<Child, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| format!("{:?} was not started: {error}", command.get_program()))
}

fn end(mut child: Child) {
    let _ended = child.kill();
    let _waited = child.wait();
}

/// A port that nobody listens on.
fn free() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    listener.local_addr().map(|address| address.port()).map_err(text)
}

/// Asks until the answer begins like this.
fn wait_for(address: &str, path: &str, body: &str, wanted: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    let request = wire::post(address, path, body);
    let began = Instant::now();
    loop {
        let answer = runtime.block_on(async { Connection::to(address).await?.ask(&request).await });
        match answer {
            Ok(answer) if answer.line.starts_with(wanted) => return Ok(()),
            answer if began.elapsed() > PATIENCE => {
                return Err(format!("the peer does not become ready: {answer:?}"));
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
