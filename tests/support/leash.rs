//! A server as a child, which ends with the process of the test however that ends, and its folder
//! with it.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{PATIENCE, port};

/// Lines of its log that are kept, to be shown where it fails.
const MEMORY: usize = 60;
const SCRIPT: &str = include_str!("leash.sh");

/// A server that runs, or has been stopped and can run again.
#[derive(Debug)]
pub(crate) struct Leash {
    leash: Child,
    commands: Option<ChildStdin>,
    said: Receiver<Said>,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// What is heard of it.
#[derive(Debug, PartialEq)]
enum Said {
    Started(u32),
    Ready,
    Ended,
}

impl Leash {
    /// Prepares to run `program`, which works in `folder`, ends by the signal `last` at the latest,
    /// and says a line that ends with `ready` when it answers.
    pub(crate) fn put(
        folder: &Path,
        last: &str,
        program: &Command,
        ready: &'static str,
    ) -> Result<Self, String> {
        let script = folder.join("leash.sh");
        std::fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
        let mut leash = Command::new("sh")
            .arg(&script)
            .arg(folder)
            .arg(last)
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("sh does not start: {error}"))?;
        let (Some(output), commands) = (leash.stdout.take(), leash.stdin.take()) else {
            return Err("the leash has no output".to_owned());
        };
        let (sender, said) = channel();
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let lines = BufReader::new(output).lines();
        let kept = log.clone();
        let hear = move |line| hear(line, ready, &sender, &kept);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(hear));
        Ok(Self { leash, commands, said, log })
    }

    /// Starts it, for the first time or again with its data; ready when it listens on `port`.
    pub(crate) fn start(&mut self, port: u16) -> Result<(), String> {
        self.command("start");
        let mut process = None;
        loop {
            match self.hear() {
                Some(Said::Started(id)) => process = Some(id),
                Some(Said::Ready) if process.is_some_and(|id| port::is_of(id, port)) => return Ok(()),
                Some(Said::Ready) => return Err("another process has its port".to_owned()),
                Some(Said::Ended) => return Err(format!("it ended while it started:\n{}", self.log())),
                None => return Err(format!("it does not start:\n{}", self.log())),
            }
        }
    }

    /// Ends it by a signal; ready when it has ended.
    pub(crate) fn end(&mut self, signal: &str) -> Result<(), String> {
        self.command(signal);
        loop {
            match self.hear() {
                Some(Said::Ended) => return Ok(()),
                Some(_) => {}
                None => return Err(format!("it does not end:\n{}", self.log())),
            }
        }
    }

    fn command(&mut self, command: &str) {
        if let Some(commands) = &mut self.commands {
            // Where the leash is gone, nothing is heard of it either.
            writeln!(commands, "{command}").and_then(|()| commands.flush()).ok();
        }
    }

    fn hear(&self) -> Option<Said> {
        self.said.recv_timeout(PATIENCE).ok()
    }

    fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        // The leash ends it and tidies up when this closes.
        drop(self.commands.take());
        self.leash.wait().ok();
    }
}

fn hear(line: String, ready: &str, sender: &Sender<Said>, log: &Mutex<VecDeque<String>>) {
    let said = match line.strip_prefix("leash: ") {
        Some("ended") => Some(Said::Ended),
        Some(started) => started.strip_prefix("started ").and_then(|id| id.parse().ok()).map(Said::Started),
        None => line.ends_with(ready).then_some(Said::Ready),
    };
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == MEMORY {
        log.pop_front();
    }
    log.push_back(line);
    if let Some(said) = said {
        // Nobody listens any more: the server is being dropped.
        sender.send(said).ok();
    }
}

/// A new folder for a server of that kind.
pub(crate) fn folder(kind: &str) -> std::io::Result<PathBuf> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("pathway-{kind}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    // One that was left behind by an earlier process of that id is nobody's.
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// Runs what blocks where it stops nothing else of the test.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("{error}"),
        },
    }
}
