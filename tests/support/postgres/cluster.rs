//! One server as a child, its data in a folder that goes with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::leash::{self, Leash};
use crate::port;

/// Other ports are tried when somebody else was faster.
const ATTEMPTS: usize = 5;
/// What it says when it answers.
const READY: &str = "database system is ready to accept connections";
/// Who may do all there.
pub(super) const USER: &str = "pathway";

/// A server that runs, or has been stopped and can run again.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) port: u16,
    leash: Leash,
}

impl Cluster {
    /// Starts a new one.
    pub(super) fn start(programs: &Path) -> Result<Self, String> {
        let mut why = "no port is free".to_owned();
        for _ in 0..ATTEMPTS {
            let Some((port, _)) = port::two() else { break };
            let folder = leash::folder("postgres").map_err(|error| format!("no folder: {error}"))?;
            let mut cluster = Self::prepare(programs, &folder, port).inspect_err(|_| {
                std::fs::remove_dir_all(&folder).ok();
            })?;
            match cluster.run() {
                Ok(()) => return Ok(cluster),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn prepare(programs: &Path, folder: &Path, port: u16) -> Result<Self, String> {
        let user = other_user();
        let data = data(folder, user)?;
        let made = as_user(user, &programs.join("initdb"))
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"])
            .args(["--username", USER])
            .arg("--pgdata")
            .arg(&data)
            .current_dir(folder)
            .output()
            .map_err(|error| format!("initdb does not start: {error}"))?;
        if !made.status.success() {
            return Err(format!("no data: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let mut program = as_user(user, &programs.join("postgres"));
        program.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            // What is lost by a power cut is not tested; all else survives in the system's memory.
            "fsync=off",
        ];
        settings.iter().for_each(|setting| {
            program.args(["-c", setting]);
        });
        // Killed outright it would leave its shared memory behind.
        Ok(Self { port, leash: Leash::put(folder, "QUIT", &program, READY)? })
    }

    /// Starts it, for the first time or again with its data.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.leash.start(self.port)
    }

    /// Ends it by a signal; ready when it has ended.
    pub(super) fn end(&mut self, signal: &str) -> Result<(), String> {
        self.leash.end(signal)
    }
}

/// As whom it runs: it refuses to be root.
fn other_user() -> Option<&'static str> {
    let asked = Command::new("id").arg("-u").output();
    let is_root = asked.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0");
    let known =
        |user: &str| Command::new("id").arg(user).output().is_ok_and(|answer| answer.status.success());
    is_root.then(|| if known("postgres") { "postgres" } else { "nobody" })
}

/// A folder that is its user's.
fn data(folder: &Path, user: Option<&str>) -> Result<PathBuf, String> {
    let data = folder.join("data");
    let mut command = Command::new("install");
    command.args(["-d", "-m", "700"]);
    if let Some(user) = user {
        command.args(["-o", user]);
    }
    match command.arg(&data).status() {
        Ok(status) if status.success() => Ok(data),
        Ok(status) => Err(format!("no folder for data: {status}")),
        Err(error) => Err(format!("no folder for data: {error}")),
    }
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups", "--"]).arg(program);
    command
}
