//! A server that is started again whenever it ends, as a service manager does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::{Log, PATIENCE, Server, binary, soon};

/// Before it is started again.
const PAUSE: Duration = Duration::from_millis(100);
/// The variable that tells a process what it is called.
const NAME: &str = "PROCESS";

/// What is to be kept running.
#[derive(Debug, Clone)]
pub struct Post {
    /// What it is called; its processes are `NAME.1`, `NAME.2` …, which each is told as `PROCESS`.
    pub name: String,
    /// `serve`, `worker` or `gateway`.
    pub role: &'static str,
    /// Its project.
    pub folder: PathBuf,
    /// All of it.
    pub environment: BTreeMap<String, String>,
}

/// A server that is kept running until it is retired.
#[derive(Debug)]
pub struct Kept {
    /// All that its processes have said.
    pub log: Log,
    signals: mpsc::Sender<Signal>,
    now: watch::Receiver<Now>,
    ends: JoinHandle<Vec<ExitStatus>>,
}

/// The name of a signal; told the process that got it.
type Signal = (&'static str, oneshot::Sender<String>);

/// Its process of now.
#[derive(Debug, Clone, Default)]
struct Now {
    process: String,
    /// None: it does not serve, or not yet.
    url: Option<String>,
}

impl Kept {
    /// Starts it.
    #[must_use]
    pub fn start(post: Post) -> Self {
        // What may have to be built first takes longer than anybody waits for a process.
        let _built = binary();
        let (log, (signals, sent)) = (Log::default(), mpsc::channel(1));
        let (told, now) = watch::channel(Now::default());
        let ends = tokio::spawn(keep(post, log.clone(), sent, told));
        Self { log, signals, now, ends }
    }

    /// Where to find it.
    #[must_use]
    pub fn address(&self) -> Address {
        Address(self.now.clone())
    }

    /// Waits until it serves.
    ///
    /// # Panics
    /// If it does not come to.
    pub async fn up(&self) {
        let mut now = self.now.clone();
        let up = tokio::time::timeout(PATIENCE, now.wait_for(|now| now.url.is_some())).await;
        assert!(matches!(up, Ok(Ok(_))), "the server does not come to serve:\n{}", self.log.text());
    }

    /// Kills its process, as `kill -9` does; ready when another is being started.
    ///
    /// # Panics
    /// If there is no other.
    pub async fn crash(&self) {
        let killed = self.signal("KILL").await;
        let mut now = self.now.clone();
        let another = soon("another process", now.wait_for(|now| now.process != killed)).await.is_ok();
        assert!(another, "the server is kept no more");
    }

    /// Sends its process a signal, by its name, as soon as there is one; which process got it.
    ///
    /// # Panics
    /// If it is kept no more.
    pub async fn signal(&self, name: &'static str) -> String {
        let (told, sent) = oneshot::channel();
        assert!(self.signals.send((name, told)).await.is_ok(), "the server is kept no more");
        match soon("a process to get a signal", sent).await {
            Ok(process) => process,
            Err(_dropped) => panic!("the server is kept no more"),
        }
    }

    /// Asks it to stop, for good; how each of its processes ended.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn retire(self) -> Vec<ExitStatus> {
        drop(self.signals);
        match soon("the last process to end", self.ends).await {
            Ok(ends) => ends,
            Err(error) => panic!("the server is not kept: {error}\n{}", self.log.text()),
        }
    }
}

/// Where a server is to be found, wherever it is started again.
#[derive(Debug, Clone)]
pub struct Address(watch::Receiver<Now>);

impl Address {
    /// Its URL, while it serves.
    #[must_use]
    pub fn now(&self) -> Option<String> {
        self.0.borrow().url.clone()
    }
}

/// Keeps it running until nobody can send it a signal any more.
async fn keep(
    post: Post,
    log: Log,
    mut signals: mpsc::Receiver<Signal>,
    now: watch::Sender<Now>,
) -> Vec<ExitStatus> {
    let Post { name, role, folder, mut environment } = post;
    let mut ends = Vec::new();
    let mut is_kept = true;
    while is_kept {
        let process = format!("{name}.{}", ends.len() + 1);
        environment.insert(NAME.to_owned(), process.clone());
        let mut server = Server::spawn(role, &folder, &environment, &log);
        now.send_replace(Now { process: process.clone(), url: None });
        let mut listens = Box::pin(server.listens());
        let mut serves = false;
        let end = loop {
            tokio::select! {
                ended = server.ended() => break ended,
                url = &mut listens, if !serves => {
                    serves = true;
                    now.send_replace(Now { process: process.clone(), url: Some(url) });
                }
                signal = signals.recv(), if is_kept => match signal {
                    Some((signal, told)) => {
                        server.signal(signal).await;
                        // Nobody has to want to know.
                        told.send(process.clone()).ok();
                    }
                    None => {
                        is_kept = false;
                        server.signal("TERM").await;
                    }
                },
            }
        };
        now.send_replace(Now { process, url: None });
        match end {
            Ok(end) => ends.push(end),
            Err(error) => panic!("the server cannot be waited for: {error}"),
        }
        if is_kept {
            tokio::time::sleep(PAUSE).await;
        }
    }
    ends
}
