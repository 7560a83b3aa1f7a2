//! The real binary as a process of its own: started on a free port with data of its own, waited
//! for until it says that it is ready, and ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Process;

/// What the services of a project are set to where the environment does not say: nobody is there.
const STAND_INS: [(&str, &str); 6] = [
    ("SUPABASE_URL", "http://127.0.0.1:9"),
    ("SUPABASE_ANON_KEY", "anon"),
    ("SUPABASE_SERVICE_ROLE_KEY", "service"),
    ("GEMINI_URL", "http://127.0.0.1:9"),
    ("OCR_URL", "http://127.0.0.1:9"),
    ("INTEGRATIONS_API_KEY", "key"),
];

/// How long a server may take to be given its work.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(20);

/// Which binary is measured, on which project.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The binary [default: `pathway` beside this program]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The project [default: the nearest pathway.yaml upwards]
    #[arg(long, value_name = "FILE")]
    project: Option<PathBuf>,
}

impl Target {
    /// Starts a server on the project that was asked for.
    pub(crate) fn start(&self) -> Result<Server, String> {
        self.start_with(self.project.as_deref(), &[])
    }

    /// Starts a server on a project, with these variables.
    pub(crate) fn start_with(
        &self,
        project: Option<&Path>,
        environment: &[(String, String)],
    ) -> Result<Server, String> {
        let data = tempfile::tempdir().map_err(text)?;
        self.start_on(Arc::new(data), project, environment)
    }

    /// The same, on data that are there already.
    pub(crate) fn start_on(
        &self,
        data: Arc<TempDir>,
        project: Option<&Path>,
        environment: &[(String, String)],
    ) -> Result<Server, String> {
        let binary = match &self.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe().map_err(text)?.with_file_name("pathway"),
        };
        let mut command = Command::new(&binary);
        command.args(["serve", "--config", "listen=127.0.0.1:0", "--config", "admin=127.0.0.1:0"]);
        // The finance app asks for tokens that are verified; nobody calls it with one here.
        command.args(["--config", "auth.mode=unverified", "--config"]);
        command.arg(format!("store.path={}", data.path().display()));
        if let Some(project) = project {
            command.arg("--project").arg(project);
        }
        command.envs(STAND_INS.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("`{}` was not started, is it built? {error}", binary.display()))?;
        let mut server = Server { child, address: String::new(), ready_after: Duration::ZERO, data };
        server.wait_until_ready(began)?;
        Ok(server)
    }
}

/// A server that is ready. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
    /// From before its process was made until it said that it was ready.
    pub(crate) ready_after: Duration,
    /// Its data folder.
    pub(crate) data: Arc<TempDir>,
}

impl Server {
    /// Reads what it says up to the line that tells its address.
    fn wait_until_ready(&mut self, began: Instant) -> Result<(), String> {
        let stderr = self.child.stderr.take().ok_or("it has no standard error")?;
        let mut said = String::new();
        let mut reader = BufReader::new(stderr);
        loop {
            let start = said.len();
            if reader.read_line(&mut said).map_err(text)? == 0 {
                return Err(format!("the server did not become ready: {said}"));
            }
            let line = said.get(start..).unwrap_or_default();
            if line.contains(" is ready after ") {
                self.ready_after = began.elapsed();
            } else if let Some((_, address)) = line.split_once("http://").filter(|_| self.is_ready()) {
                address.trim().clone_into(&mut self.address);
                break;
            }
        }
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.ready_after > Duration::ZERO
    }

    /// Waits until it has been given its work: over Kafka that is a while after it has started.
    pub(crate) fn wait_for_work(&self) -> Result<(), String> {
        let began = Instant::now();
        while self.get("/readyz")? != "HTTP/1.1 200 OK" {
            if began.elapsed() > PATIENCE {
                return Err("the server is not given any work".to_owned());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The status line of its answer to a GET.
    pub(crate) fn get(&self, path: &str) -> Result<String, String> {
        let mut stream = TcpStream::connect(&self.address).map_err(text)?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).map_err(text)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(text)?;
        Ok(answer.lines().next().unwrap_or_default().to_owned())
    }

    /// Its process.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is ended.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
